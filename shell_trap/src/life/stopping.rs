//! The framework wants the task to end: a checkpoint, or the job's end where none can be made, within the grace.

use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use super::checkpoint::{Next, Published, Undecided, after_failure};
use super::grace::Step;
use super::renewing::guarded;
use super::scene::{A_MOMENT, Scene, dismiss};
use super::{TERMINATED, TRY_AGAIN, output};
use crate::checkpoint::generations;
use crate::docker::QUICK;
use crate::lease::guard::Guard;
use crate::lease::{self, Lease};
use crate::report::messages::End;
use crate::runtime::{Ended, Running as _};

/// For what the program has printed last.
const DRAIN: Duration = Duration::from_millis(200);

/// How a stop went.
#[derive(Debug)]
pub enum Stopped {
    /// The job had ended by itself in the same moment.
    Ended(Ended),
    /// Another task has the job.
    Superseded,
    /// It is out of this task's hands.
    Left(Left),
}

/// In which state a task leaves a job that has not ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// In a checkpoint. Its container, which may stand here still, is only waiting to be removed.
    Checkpointed {
        /// It is gone.
        removed: bool,
    },
    /// It was ended, as no checkpoint can be made here, and nothing of it is left on this node.
    Killed,
    /// In its container, which runs or stands on this node and is taken up by the next task here.
    Standing,
}

impl Left {
    /// Of the task. Without a checkpoint it has not succeeded: the framework must not take it for finished.
    pub fn exit_code(self) -> i32 {
        match self {
            Left::Checkpointed { .. } => 0,
            Left::Killed => TERMINATED,
            Left::Standing => TRY_AGAIN,
        }
    }

    /// The next task may start at once, on whichever node.
    fn gives_back(self) -> bool {
        self != Left::Standing
    }

    /// There is no container that somebody must watch.
    fn relieves_guard(self) -> bool {
        matches!(self, Left::Checkpointed { removed: true } | Left::Killed)
    }
}

impl Scene<'_> {
    /// SIGTERM: a checkpoint within the grace; without a CRIU the job is ended.
    pub async fn stop(&self, lease: &mut Lease, guard: &mut Option<Guard>) -> Stopped {
        let stop = &self.context.stop;
        let began = stop.asked_at().unwrap_or_else(Instant::now);
        let deadline = stop.by(Step::Work).unwrap_or(began);
        tracing::info!(grace_seconds = self.context.config.grace.as_secs_f64(), "asked to end");
        if self.context.abilities.is_err() {
            return self.end_without_checkpoint(deadline, lease, guard).await;
        }
        let failure = loop {
            let attempt = Instant::now();
            let work = self.context.checkpoint(self.job, self.segment, self.execution, deadline);
            let error = match guarded(work, lease, guard).await {
                Ok(published) => {
                    let removed = self.published(&published, began.elapsed()).await;
                    return Stopped::Left(Left::Checkpointed { removed });
                }
                Err(error) if lease::is_superseded(&error) => return Stopped::Superseded,
                Err(error) => error,
            };
            let exited = self.exit_code().await;
            let left = deadline.saturating_duration_since(Instant::now());
            tracing::error!(left_ms = milliseconds(left), "the checkpoint failed: {error:#}");
            if error.downcast_ref::<Undecided>().is_some() {
                self.report_killed(began, format!("{error:#}"));
                tracing::error!("the container stands still until the next task on this node knows");
                return Stopped::Left(Left::Standing);
            }
            match (after_failure(exited.is_some(), left, attempt.elapsed()), exited) {
                // The dump that failed may have broken it: its last checkpoint is whole.
                (Next::Finished, Some(code)) if code > 128 => {
                    let why = format!("it ended with code {code} in a checkpoint that failed");
                    return Stopped::Ended(Ended::Lost(why));
                }
                (Next::Finished, Some(code)) => return Stopped::Ended(Ended::ByItself(code)),
                (Next::Retry, _) => {
                    self.go_on().await;
                    let _ = stop.within(Step::Work, A_MOMENT, lease.renew()).await;
                    sleep(Duration::from_millis(100)).await;
                }
                _ => break format!("{error:#}"),
            }
        };
        self.report_killed(began, failure);
        self.go_on().await;
        tracing::error!(
            "no checkpoint in the time that was given: the job is left running for the next task on this node"
        );
        Stopped::Left(Left::Standing)
    }

    fn report_killed(&self, began: Instant, why: String) {
        self.report(&End {
            reason: "killed",
            generation: None,
            duration_ms: Some(milliseconds(began.elapsed())),
            detail: Some(why),
        });
    }

    async fn exit_code(&self) -> Option<i64> {
        let inspection = self.context.docker.inspect(&self.job.id);
        let state = self.context.stop.within(Step::Kept, A_MOMENT, inspection).await?.ok()?.state;
        state.has_exited().then_some(state.exit_code)
    }

    /// After a failed dump the job runs as before.
    async fn go_on(&self) {
        let stop = &self.context.stop;
        let _ = stop.within(Step::Removed, A_MOMENT, self.context.docker.unpause(&self.job.id)).await;
        let limit = self.segment.limit * self.segment.factor;
        let _ = stop.within(Step::Removed, A_MOMENT, self.job.set_cores(limit)).await;
        let _ = self.context.note(self.job, self.execution, self.segment.base, false);
    }

    /// Whether the container is removed.
    async fn published(&self, published: &Published, took: Duration) -> bool {
        let Published { generation, time } = *published;
        tracing::info!(generation, took_ms = milliseconds(took), "checkpoint published");
        let end = End {
            reason: "checkpointed",
            generation: Some(generation),
            duration_ms: Some(milliseconds(took)),
            detail: None,
        };
        self.context.reporter.send(self.segment.words.end(self.segment.cpu(time), &end));
        self.context.archive(&self.job.id, self.job.tty, self.context.epoch).await;
        let removed = self.remove().await;
        let restored = self.restored;
        let pruning = self.context.shared(move |job_dir| generations::prune(job_dir, generation, restored));
        if let Some(Err(error)) = self.context.stop.within(Step::Removed, A_MOMENT, pruning).await {
            tracing::warn!("old generations cannot be removed: {error:#}");
        }
        removed
    }

    /// The lease is renewed meanwhile: a program that the guard has stand still cannot end, not even when it is killed.
    async fn end_without_checkpoint(&self, deadline: Instant, lease: &mut Lease, guard: &mut Option<Guard>) -> Stopped {
        if let Some(code) = self.exit_code().await {
            return Stopped::Ended(Ended::ByItself(code));
        }
        let left = deadline.saturating_duration_since(Instant::now());
        let grace = left.saturating_sub(killing(left));
        let ending = async { Ok(self.context.docker.stop(&self.job.id, grace).await?) };
        match self.context.stop.within(Step::Kept, left + QUICK, guarded(ending, lease, guard)).await {
            Some(Ok(())) => {}
            Some(Err(error)) if lease::is_superseded(&error) => return Stopped::Superseded,
            // The removal ends it, too.
            Some(Err(error)) => tracing::error!("the job cannot be ended in order: {error:#}"),
            None => tracing::error!("the job has not ended in the time that was given"),
        }
        self.report(&End {
            reason: "killed",
            generation: None,
            duration_ms: None,
            detail: self.context.abilities.as_ref().err().cloned(),
        });
        Stopped::Left(if self.remove().await { Left::Killed } else { Left::Standing })
    }

    /// The task ends and the job does not; the exit code.
    pub async fn leave(&self, left: Left, guard: Option<Guard>, lease: Lease, follower: JoinHandle<()>) -> i32 {
        // Otherwise the guard stays: it removes the container once the job runs elsewhere, and has it stand still when
        // the lease runs out.
        dismiss(guard.filter(|_| left.relieves_guard())).await;
        if left.gives_back() {
            self.context.release(lease).await;
            self.context.stop.within(Step::Released, DRAIN, output::drain(follower, DRAIN)).await;
        }
        self.context.flush().await;
        left.exit_code()
    }
}

/// Of the time that is left, what Docker needs to kill a program that does not end by itself.
fn killing(left: Duration) -> Duration {
    (left / 4).min(Duration::from_secs(2))
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_checkpoint_makes_a_task_that_was_asked_to_end_a_success() {
        let code = Left::exit_code;
        assert_eq!(code(Left::Checkpointed { removed: true }), 0);
        assert_eq!(code(Left::Checkpointed { removed: false }), 0);
        assert_eq!((code(Left::Killed), code(Left::Standing)), (143, 75));
    }

    #[test]
    fn what_stands_on_the_node_keeps_its_guard_and_what_may_still_run_its_lease_too() {
        let kept = |left: Left| (!left.relieves_guard(), !left.gives_back());
        assert_eq!(kept(Left::Checkpointed { removed: true }), (false, false));
        assert_eq!(kept(Left::Checkpointed { removed: false }), (true, false));
        assert_eq!((kept(Left::Killed), kept(Left::Standing)), ((false, false), (true, true)));
    }
}
