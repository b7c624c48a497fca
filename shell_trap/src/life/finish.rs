//! The end of a task: checkpointed, ended by itself, taken over, or left running because a dump failed.

use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use super::checkpoint::{Next, Published, after_failure, margin};
use super::container::Context;
use super::records::{self, Execution, Finished};
use super::{Segment, Stop, TRY_AGAIN, output};
use crate::checkpoint::generations;
use crate::clock;
use crate::lease::guard::Guard;
use crate::lease::{self, Lease, state};
use crate::report::messages::{End, Words};
use crate::runtime::docker::ContainerJob;
use crate::runtime::{Ended, Running as _};

/// For what is still to be read of the job's output.
const DRAIN: Duration = Duration::from_secs(5);

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
    /// It is out of this task's hands; with a checkpoint, or not.
    Left { published: bool },
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
                    self.published(&published, began.elapsed()).await;
                    return Ok(Stopped::Left { published: true });
                }
                Err(error) => error,
            };
            let exited = self.exit_code().await;
            let left = deadline.saturating_duration_since(Instant::now());
            tracing::error!(left_ms = left.as_millis() as u64, "the checkpoint failed: {error:#}");
            match (after_failure(exited.is_some(), left, attempt.elapsed()), exited) {
                (Next::Finished, Some(code)) => return Ok(Stopped::Ended(Ended::ByItself(code))),
                (Next::Retry, _) => {
                    self.go_on().await;
                    let _ = lease.renew().await;
                    sleep(Duration::from_millis(100)).await;
                }
                _ => break format!("{error:#}"),
            }
        };
        self.go_on().await;
        let end = End {
            reason: "killed",
            generation: None,
            duration_ms: Some(milliseconds(began.elapsed())),
            detail: Some(failure),
        };
        self.context
            .reporter
            .send(self.segment.words.end(self.segment.cpu(self.job.cpu_time().unwrap_or_default()), &end));
        tracing::error!(
            "no checkpoint in the time that was given: the job is left running for the next task on this node"
        );
        Ok(Stopped::Left { published: false })
    }

    async fn exit_code(&self) -> Option<i64> {
        let state = self.context.docker.inspect(&self.job.id).await.ok()?.state;
        state.has_exited().then_some(state.exit_code)
    }

    /// After a failed dump the job runs as before.
    async fn go_on(&self) {
        let _ = self.context.docker.unpause(&self.job.id).await;
        let _ = self.job.set_cores(self.segment.limit * self.segment.factor).await;
        let _ = self.context.note(self.job, self.execution, self.segment.base, false);
    }

    async fn published(&self, published: &Published, took: Duration) {
        let Published { generation, time } = *published;
        tracing::info!(generation, took_ms = milliseconds(took), "checkpoint published");
        let end = End {
            reason: "checkpointed",
            generation: Some(generation),
            duration_ms: Some(milliseconds(took)),
            detail: None,
        };
        self.context.reporter.send(self.segment.words.end(self.segment.cpu(time), &end));
        if let Err(error) = self.context.docker.remove(&self.job.id).await {
            // The next start on this node finds the generation and removes it.
            tracing::warn!("the container cannot be removed: {error}");
        }
        self.context.remove_groups();
        records::Segment::forget(&self.context.local);
        let (job_dir, restored) = (self.context.job_dir.clone(), self.restored);
        let pruned = tokio::task::spawn_blocking(move || {
            generations::prune(&job_dir, restored.filter(|&n| n + 1 == generation))
        });
        if let Ok(Err(error)) = pruned.await {
            tracing::warn!("old generations cannot be removed: {error:#}");
        }
    }

    async fn end_without_checkpoint(&self, deadline: Instant) -> Result<Stopped> {
        let time = self.job.cpu_time().unwrap_or_default();
        if let Some(code) = self.exit_code().await {
            return Ok(Stopped::Ended(Ended::ByItself(code)));
        }
        let left = deadline.saturating_duration_since(Instant::now());
        self.context.docker.stop(&self.job.id, left).await.context("ending the job")?;
        let time = self.job.cpu_time().unwrap_or(time);
        let end = End {
            reason: "killed",
            generation: None,
            duration_ms: None,
            detail: self.context.abilities.as_ref().err().cloned(),
        };
        self.context.reporter.send(self.segment.words.end(self.segment.cpu(time), &end));
        self.context.docker.remove(&self.job.id).await?;
        self.context.remove_groups();
        records::Segment::forget(&self.context.local);
        Ok(Stopped::Left { published: true })
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
        self.context.reporter.store(&self.context.job_dir)?;
        Ok(if clean { 0 } else { TRY_AGAIN })
    }

    /// Another node runs the job: what runs here is a copy that must not go on.
    pub async fn superseded(&self, guard: Option<Guard>) -> Result<i32> {
        let time = self.job.cpu_time().unwrap_or_default();
        self.context.docker.remove(&self.job.id).await?;
        dismiss(guard).await;
        let end = End {
            reason: "lost",
            generation: None,
            duration_ms: None,
            detail: Some("another node took the job over".into()),
        };
        self.context.reporter.send(self.segment.words.end(self.segment.cpu(time), &end));
        self.context.remove_groups();
        records::Segment::forget(&self.context.local);
        self.context.reporter.flush(Instant::now() + Duration::from_secs(5)).await;
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
        output::drain(follower, DRAIN).await;
        let code = match ended {
            Ended::ByItself(code) => {
                let finished = Finished {
                    execution: self.execution.clone(),
                    segment: self.context.epoch,
                    finished_at: clock::unix_seconds(),
                    exit_code: code,
                    cpu_seconds: self.segment.total(time),
                };
                tracing::info!(exit_code = code, cpu_seconds = finished.cpu_seconds, "the job has ended");
                // First on disk: a task that is started after a crash runs nothing again.
                let stored = finished.store(&self.context.job_dir).or_else(|error| {
                    // The job's own checkpoints may be what fills the directory, and nobody needs them any more. Until
                    // the end is written down, the container that has ended stands for it.
                    tracing::warn!("the end cannot be written down: {error:#}; removing checkpoints");
                    records::clear(&self.context.job_dir);
                    finished.store(&self.context.job_dir)
                });
                let end = End { reason: "exited", generation: None, duration_ms: None, detail: None };
                self.context.reporter.send(self.segment.words.end(self.segment.cpu(time), &end));
                self.context.reporter.send(self.segment.words.finished(
                    finished.finished_at,
                    code,
                    finished.cpu_seconds,
                ));
                if let Err(error) = output::archive(
                    &self.context.docker,
                    &self.job.id,
                    self.job.tty,
                    &self.context.job_dir,
                    self.context.epoch,
                )
                .await
                {
                    tracing::warn!("the job's output cannot be archived: {error:#}");
                }
                match stored {
                    // What is not written down must still be found in the container, should this task be killed now.
                    Err(error) => tracing::error!("the end cannot be written down: {error:#}"),
                    Ok(()) => records::clear(&self.context.job_dir),
                }
                code
            }
            Ended::Lost(why) => {
                tracing::error!("the job is lost: {why}; the next task restores it");
                let end = End { reason: "lost", generation: None, duration_ms: None, detail: Some(why) };
                self.context.reporter.send(self.segment.words.end(self.segment.cpu(time), &end));
                TRY_AGAIN.into()
            }
        };
        self.context.docker.remove(&self.job.id).await?;
        dismiss(guard).await;
        self.context.remove_groups();
        records::Segment::forget(&self.context.local);
        self.context.tell(&mut lease, stop).await?;
        let _ = lease.release().await;
        Ok(exit_code(code))
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
        tokio::select! {
            done = &mut work => return done,
            _ = renewals.tick() => match lease.renew().await {
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
    /// Waits until the supervisor has the end of the job: bounded, and not beyond the end of this task.
    async fn tell(&self, lease: &mut Lease, stop: &mut Stop) -> Result<()> {
        let deadline = Instant::now() + self.config.end_wait;
        let flush = self.reporter.flush(deadline);
        tokio::pin!(flush);
        let mut renewals = tokio::time::interval(state::renewal_interval(lease.length()));
        let told = loop {
            tokio::select! {
                told = &mut flush => break told,
                () = stop.asked() => break false,
                _ = renewals.tick() => { let _ = lease.renew().await; }
            }
        };
        if !told {
            tracing::warn!("the supervisor does not know of the end yet; the next task of this job tells it");
        }
        self.reporter.store(&self.job_dir)
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
        self.tell(lease, stop).await?;
        Ok(exit_code(finished.exit_code))
    }
}

fn exit_code(code: i64) -> i32 {
    i32::try_from(code).unwrap_or(255).clamp(0, 255)
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
