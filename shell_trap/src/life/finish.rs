//! The end of a task: checkpointed, ended by itself, taken over, or left running because a dump failed.

use std::time::Duration;

use anyhow::Result;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, sleep_until, timeout, timeout_at};

use super::checkpoint::{Next, Published, Undecided, after_failure, margin};
use super::container::Context;
use super::records::{self, Execution, Finished};
use super::{Segment, Stop, TRY_AGAIN, output};
use crate::cgroup::CpuTime;
use crate::checkpoint::generations;
use crate::clock;
use crate::docker::DockerError;
use crate::files;
use crate::lease::guard::{self, Guard};
use crate::lease::{self, Lease, state};
use crate::report::Reporter;
use crate::report::messages::{End, Words};
use crate::runtime::docker::{ContainerJob, end_groups};
use crate::runtime::{Ended, Running as _};

/// For what is still to be read of the job's output.
const DRAIN: Duration = Duration::from_secs(5);
/// For one call of Docker while the grace runs.
const A_MOMENT: Duration = Duration::from_secs(2);
/// For the removal of a container. Docker goes on with it when nobody waits any more.
const REMOVAL: Duration = Duration::from_secs(10);

/// What all ends look at.
pub struct Scene<'a> {
    pub context: &'a Context,
    pub job: &'a ContainerJob,
    pub segment: &'a Segment,
    pub execution: &'a Execution,
    pub restored: Option<u64>,
}

/// How a stop went.
pub enum Stopped {
    /// The job had ended by itself in the same moment.
    Ended(Ended),
    /// It is out of this task's hands. Clean: nothing of it runs on this node. Its container may stand here still.
    Left { clean: bool, removed: bool },
    /// Another node runs it.
    Superseded,
}

impl Scene<'_> {
    /// SIGTERM: a checkpoint within the grace; without a CRIU the job is ended.
    pub async fn stop(&self, lease: &mut Lease, guard: &mut Option<Guard>) -> Result<Stopped> {
        let began = Instant::now();
        let grace = self.context.config.grace;
        let deadline = began + grace - margin(grace);
        tracing::info!(grace_seconds = grace.as_secs_f64(), "asked to end");
        if self.context.abilities.is_err() {
            return self.end_without_checkpoint(deadline).await;
        }
        let failure = loop {
            let attempt = Instant::now();
            let work = self.context.checkpoint(self.job, self.segment, self.execution, deadline);
            let error = match renewing(work, lease, guard).await {
                Ok(published) => {
                    let removed = self.published(&published, began.elapsed()).await;
                    return Ok(Stopped::Left { clean: true, removed });
                }
                Err(error) if lease::is_superseded(&error) => return Ok(Stopped::Superseded),
                Err(error) => error,
            };
            let exited = self.exit_code().await;
            let left = deadline.saturating_duration_since(Instant::now());
            tracing::error!(left_ms = left.as_millis() as u64, "the checkpoint failed: {error:#}");
            if error.downcast_ref::<Undecided>().is_some() {
                self.report_killed(began, format!("{error:#}"));
                tracing::error!("the container stands still until the next task on this node knows");
                return Ok(Stopped::Left { clean: false, removed: false });
            }
            match (after_failure(exited.is_some(), left, attempt.elapsed()), exited) {
                // The dump that failed may have broken it: its last checkpoint is whole.
                (Next::Finished, Some(code)) if code > 128 => {
                    let why = format!("it ended with code {code} in a checkpoint that failed");
                    return Ok(Stopped::Ended(Ended::Lost(why)));
                }
                (Next::Finished, Some(code)) => return Ok(Stopped::Ended(Ended::ByItself(code))),
                (Next::Retry, _) => {
                    self.go_on().await;
                    let _ = lease.renew().await;
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
        Ok(Stopped::Left { clean: false, removed: false })
    }

    fn report_killed(&self, began: Instant, why: String) {
        let end = End {
            reason: "killed",
            generation: None,
            duration_ms: Some(milliseconds(began.elapsed())),
            detail: Some(why),
        };
        let used = self.segment.cpu(self.job.cpu_time().unwrap_or_default());
        self.context.reporter.send(self.segment.words.end(used, &end));
    }

    async fn exit_code(&self) -> Option<i64> {
        let state = timeout(A_MOMENT, self.context.docker.inspect(&self.job.id)).await.ok()?.ok()?.state;
        state.has_exited().then_some(state.exit_code)
    }

    /// After a failed dump the job runs as before.
    async fn go_on(&self) {
        let _ = timeout(A_MOMENT, self.context.docker.unpause(&self.job.id)).await;
        let _ = timeout(A_MOMENT, self.job.set_cores(self.segment.limit * self.segment.factor)).await;
        let _ = self.context.note(self.job, self.execution, self.segment.base, false);
    }

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
        let (job_dir, restored) = (self.context.job_dir.clone(), self.restored);
        let pruned = tokio::task::spawn_blocking(move || generations::prune(&job_dir, generation, restored));
        if let Ok(Ok(Err(error))) = timeout(A_MOMENT, pruned).await {
            tracing::warn!("old generations cannot be removed: {error:#}");
        }
        removed
    }

    /// Removes the container with all that belongs to it on this node. Whether it is gone.
    async fn remove(&self) -> bool {
        let removed = timeout(REMOVAL, self.context.docker.remove(&self.job.id)).await;
        if let Err(error) = removed.unwrap_or_else(|_| Err(DockerError::Unreachable("no answer".into()))) {
            tracing::warn!("the container cannot be removed, the next task on this node does it: {error}");
            return false;
        }
        self.context.remove_groups();
        records::Segment::forget(&self.context.local);
        true
    }

    /// Ends whatever of the job still runs here, Docker or no Docker. Whether nothing is left.
    async fn end_all(&self) -> bool {
        let groups = self.context.groups();
        end_groups(&self.context.cgroups, &groups);
        self.remove().await
            || !groups.iter().any(|group| self.context.cgroups.populated(&self.context.cgroups.directory(group)))
    }

    async fn end_without_checkpoint(&self, deadline: Instant) -> Result<Stopped> {
        if let Some(code) = self.exit_code().await {
            return Ok(Stopped::Ended(Ended::ByItself(code)));
        }
        let left = deadline.saturating_duration_since(Instant::now());
        let stopped = timeout_at(deadline + REMOVAL, self.context.docker.stop(&self.job.id, left)).await;
        if let Err(error) = stopped.unwrap_or_else(|_| Err(DockerError::Unreachable("no answer".into()))) {
            tracing::error!("the job cannot be ended: {error}");
        }
        let time = self.job.cpu_time().unwrap_or_default();
        let end = End {
            reason: "killed",
            generation: None,
            duration_ms: None,
            detail: self.context.abilities.as_ref().err().cloned(),
        };
        self.context.reporter.send(self.segment.words.end(self.segment.cpu(time), &end));
        let removed = self.remove().await;
        Ok(Stopped::Left { clean: removed, removed })
    }

    /// The task ends and the job does not.
    pub async fn leave(
        &self,
        clean: bool,
        guard: Option<Guard>,
        lease: Lease,
        follower: JoinHandle<()>,
    ) -> Result<i32> {
        if clean {
            dismiss(guard).await;
            if let Err(error) = lease.release().await {
                tracing::warn!("the lease cannot be given back, the next start waits for its end: {error:#}");
            }
            output::drain(follower, Duration::from_millis(200)).await;
        }
        // Otherwise the guard stays, and the lease runs out, or the next task of this node takes it.
        let patience = margin(self.context.config.grace) / 2;
        self.context.reporter.flush(Instant::now() + patience).await;
        self.context.reporter.store().await;
        Ok(if clean { 0 } else { TRY_AGAIN })
    }

    /// Another node runs the job: what runs here is a copy that must not go on.
    pub async fn superseded(&self, guard: Option<Guard>) -> Result<i32> {
        let time = self.job.cpu_time().unwrap_or_default();
        // An agent of this very node has taken the container up: it is not this one's any more. Otherwise the guard goes
        // on trying when this fails.
        if guard::has_successor(&self.context.local, self.context.epoch) || self.end_all().await {
            dismiss(guard).await;
        }
        let end = End {
            reason: "lost",
            generation: None,
            duration_ms: None,
            detail: Some("another task took the job over".into()),
        };
        self.context.reporter.send(self.segment.words.end(self.segment.cpu(time), &end));
        self.context.reporter.flush(Instant::now() + Duration::from_secs(5)).await;
        self.context.reporter.store().await;
        Ok(TRY_AGAIN)
    }

    /// The job has ended, by itself or we know not how.
    pub async fn ended(
        &self,
        ended: Ended,
        follower: JoinHandle<()>,
        guard: Option<Guard>,
        mut lease: Lease,
        stop: &mut Stop,
    ) -> Result<i32> {
        let time = self.job.cpu_time().unwrap_or_default();
        // What another task goes on with has not ended.
        if lease.renew().await.is_err_and(|error| lease::is_superseded(&error)) {
            return self.superseded(guard).await;
        }
        let (code, safe) = match ended {
            Ended::ByItself(code) => {
                let finished = Finished {
                    execution: self.execution.clone(),
                    segment: self.context.epoch,
                    finished_at: clock::unix_seconds(),
                    exit_code: code,
                    cpu_seconds: self.segment.total(time),
                };
                (code, self.finished(&finished, time, follower).await)
            }
            Ended::Lost(why) => {
                tracing::error!("the job is lost: {why}; the next task restores it");
                let end = End { reason: "lost", generation: None, duration_ms: None, detail: Some(why) };
                self.context.reporter.send(self.segment.words.end(self.segment.cpu(time), &end));
                // It may run on under a Docker that nobody can reach.
                (TRY_AGAIN.into(), self.end_all().await)
            }
        };
        if !safe {
            // The guard, the lease and the container stand for what could neither be written down nor ended.
            let told = self.context.tell(&mut lease, stop).await;
            if !(told && code != i64::from(TRY_AGAIN)) {
                return Ok(exit_code(code));
            }
        }
        self.remove().await;
        dismiss(guard).await;
        self.context.tell(&mut lease, stop).await;
        let _ = lease.release().await;
        Ok(exit_code(code))
    }

    /// The program's own end: first on disk, then told, so that a task that is started after a crash runs nothing again.
    /// Whether it is on disk.
    async fn finished(&self, finished: &Finished, time: CpuTime, follower: JoinHandle<()>) -> bool {
        tracing::info!(exit_code = finished.exit_code, cpu_seconds = finished.cpu_seconds, "the job has ended");
        let stored = finished.store(&self.context.job_dir).or_else(|error| {
            if !files::is_full(&error) {
                return Err(error);
            }
            // The job's own checkpoints may be what fills the directory, and nobody needs them any more. Until
            // the end is written down, the container that has ended stands for it.
            tracing::warn!("the end cannot be written down: {error:#}; removing checkpoints");
            records::clear(&self.context.job_dir);
            finished.store(&self.context.job_dir)
        });
        let end = End { reason: "exited", generation: None, duration_ms: None, detail: None };
        let (reporter, words) = (&self.context.reporter, &self.segment.words);
        reporter.send(words.end(self.segment.cpu(time), &end));
        reporter.send(words.finished(finished.finished_at, finished.exit_code, finished.cpu_seconds));
        output::drain(follower, DRAIN).await;
        self.context.archive(&self.job.id, self.job.tty, self.context.epoch).await;
        match &stored {
            // What is not written down must still be found in the container by the next task.
            Err(error) => tracing::error!("the end cannot be written down: {error:#}"),
            Ok(()) => records::clear(&self.context.job_dir),
        }
        stored.is_ok()
    }
}

/// Relieves a guard, if there is one.
pub async fn dismiss(guard: Option<Guard>) {
    if let Some(guard) = guard {
        guard.dismiss().await;
    }
}

/// A dump, a pull or a restore may take longer than a lease.
pub async fn renewing<T>(
    work: impl Future<Output = Result<T>>,
    lease: &mut Lease,
    guard: &mut Option<Guard>,
) -> Result<T> {
    tokio::pin!(work);
    let mut renewals = tokio::time::interval(state::renewal_interval(lease.length()));
    loop {
        // A renewal that hangs must not hold up the work, nor the end of its time.
        let renewal = async {
            renewals.tick().await;
            lease.renew().await
        };
        tokio::select! {
            done = &mut work => return done,
            renewed = renewal => match renewed {
                Ok(()) => {
                    if let Some(guard) = guard {
                        // One that is gone is replaced while the job runs.
                        let _ = guard.renewed(lease.pause_at()).await;
                    }
                }
                Err(error) if lease::is_superseded(&error) => return Err(error),
                // The guard has the container stand still, should this last.
                Err(error) => tracing::warn!("the lease cannot be renewed: {error:#}"),
            }
        }
    }
}

impl Context {
    /// Waits until the supervisor has the end of the job, and renews the lease meanwhile.
    async fn tell(&self, lease: &mut Lease, stop: &mut Stop) -> bool {
        let told = async { Ok(tell(&self.reporter, self.config.end_wait, self.config.grace, stop).await) };
        // Only a renewal ends this early: another task has the job, and tells its end.
        renewing(told, lease, &mut None).await.unwrap_or(false)
    }

    /// A task that was started although the job has ended: says so once more, and ends the same way.
    pub async fn report_again(&self, finished: &Finished, lease: &mut Lease, stop: &mut Stop) -> Result<i32> {
        tracing::info!(exit_code = finished.exit_code, "the job has ended already: reported once more, not run again");
        let words = Words {
            uuid: self.config.uuid,
            execution: finished.execution.execution.clone(),
            segment: finished.segment,
            hostname: super::hostname(),
        };
        self.reporter.send(words.finished(finished.finished_at, finished.exit_code, finished.cpu_seconds));
        self.tell(lease, stop).await;
        Ok(exit_code(finished.exit_code))
    }
}

/// Waits until the supervisor has the end of the job: `end_wait` long, and once the task is asked to end no longer than
/// its `grace`. What is not delivered then is left for the next task of the job.
pub async fn tell(reporter: &Reporter, end_wait: Duration, grace: Duration, stop: &mut Stop) -> bool {
    let patience = Instant::now() + end_wait;
    let flush = reporter.flush(patience);
    tokio::pin!(flush);
    let told = loop {
        let limit = stop.deadline.map_or(patience, |deadline| deadline + margin(grace) / 2);
        tokio::select! {
            told = &mut flush => break told,
            () = sleep_until(limit) => break false,
            () = stop.asked() => stop.granted(grace),
        }
    };
    if !told {
        tracing::warn!("the supervisor does not know of the end yet; the next task of this job tells it");
    }
    reporter.store().await;
    told
}

fn exit_code(code: i64) -> i32 {
    i32::try_from(code).unwrap_or(255).clamp(0, 255)
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
