//! What the performers of effects against every framework have in common.
//!
//! # Layout
//!
//! - [`Task`] is what a performer knows and may do for its job, whatever the framework
//! - `absence`: when a job that is not shown is gone
//! - `await_job`: the wait for a registered job's submission
//! - `status`: how a framework does, for `/readyz` and `/metrics`

mod absence;
mod await_job;
mod status;

use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use tokio_util::sync::CancellationToken;

use super::directory::{Directory, Entry};
use super::outbox::Perform;
use super::submit::{Submit, SubmitError};
use crate::clock::{Clock, SteadyClock};
use crate::qos::ids::JobId;
use crate::qos::job::{Command, JobState};
use crate::qos::units::{Span, Timestamp};

pub use absence::Absence;
pub use await_job::await_job;
pub use status::FrameworkStatus;

/// The performer is no longer wanted.
pub struct Stopped;

/// What became of a command.
pub enum Submitted {
    /// It is on disk.
    Done,
    /// The job has moved on: the performer's task is over.
    Overtaken,
}

/// The longest wait between two attempts.
pub const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Waits between attempts, growing to half a minute, with jitter.
pub fn backoff() -> ExponentialBackoff {
    ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(250))
        .with_max_delay(LONGEST_PAUSE)
        .with_jitter()
        .without_max_times()
        .build()
}

/// One performer's job.
pub struct Task {
    /// How its framework does.
    pub status: Arc<FrameworkStatus>,
    /// The wall clock.
    pub clock: Arc<dyn Clock>,
    /// Measures waits.
    steady: SteadyClock,
    /// Takes the job's commands and shows its state.
    pub entry: Entry,
    /// The job.
    pub job: JobId,
    /// Its name in its framework.
    pub name: String,
    stop: CancellationToken,
}

impl Task {
    /// The task of a request; `None` when the job is over.
    pub fn new(
        request: &Perform,
        directory: &Directory,
        status: Arc<FrameworkStatus>,
        clock: Arc<dyn Clock>,
    ) -> Option<Self> {
        let entry = directory.get(request.job)?;
        let name = entry.state.load_full()?.registered.name.clone();
        let steady = SteadyClock::begin(clock.as_ref());
        Some(Task { status, clock, steady, entry, job: request.job, name, stop: request.stop.clone() })
    }

    /// The job's latest committed state.
    pub fn state(&self) -> Result<Arc<JobState>, Stopped> {
        self.entry.state.load_full().ok_or(Stopped)
    }

    /// Now, by a clock that is not set while the performer lives.
    pub fn now(&self) -> Timestamp {
        self.steady.now()
    }

    /// Waits, unless the performer is stopped.
    pub async fn sleep(&self, time: Duration) -> Result<(), Stopped> {
        tokio::select! {
            () = self.stop.cancelled() => Err(Stopped),
            () = tokio::time::sleep(time) => Ok(()),
        }
    }

    /// Waits until the wall clock shows an instant, but not for longer than `at_most`.
    pub async fn sleep_until(&self, instant: Timestamp, at_most: Option<Span>) -> Result<(), Stopped> {
        let give_up = at_most.map(|span| self.now() + span);
        loop {
            let mut left = instant.since(self.clock.now());
            if let Some(give_up) = give_up {
                left = left.min(give_up.since(self.now()));
            }
            if left <= Span::ZERO {
                return if self.stop.is_cancelled() { Err(Stopped) } else { Ok(()) };
            }
            // Short naps follow a wall clock that is set.
            self.sleep(left.to_std().min(Duration::from_secs(10))).await?;
        }
    }

    /// What `wait` brings, unless the performer is stopped before.
    pub async fn or_stopped<T>(&self, wait: impl Future<Output = T>) -> Result<T, Stopped> {
        tokio::select! {
            () = self.stop.cancelled() => Err(Stopped),
            value = wait => Ok(value),
        }
    }

    /// Records a failed call where people look. `away`: it says something about the framework, and not about this job alone.
    pub fn failed(&self, call: &str, error: &impl Display, away: bool) {
        if away {
            self.status.failed(&error.to_string(), self.clock.now());
        } else {
            // It answers: one job's request is not to its taste.
            self.status.refused();
        }
        let framework = self.status.name();
        tracing::warn!(job = %self.job, name = self.name, call, %error, "a call to {framework} failed");
    }

    /// Brings a fact to the job, again and again while the log cannot be written.
    pub async fn submit(&self, command: Command) -> Result<Submitted, Stopped> {
        let mut backoff = backoff();
        loop {
            match self.entry.actor.send(Submit::plain(command.clone())).await {
                Ok(Ok(_)) => return Ok(Submitted::Done),
                Ok(Err(SubmitError::Rejected(rejection))) => {
                    tracing::debug!(job = %self.job, %rejection, "overtaken");
                    return Ok(Submitted::Overtaken);
                }
                Ok(Err(SubmitError::Closed)) | Err(_) => return Err(Stopped),
                Ok(Err(error)) => tracing::warn!(job = %self.job, %error, "an outcome could not be recorded yet"),
            }
            self.sleep(backoff.next().unwrap_or(LONGEST_PAUSE)).await?;
        }
    }

    /// Records that the job is gone, once that is certain.
    pub async fn removed_outside(&self, absence: &mut Absence, apart: Span) -> Result<bool, Stopped> {
        if !absence.absent(self.now(), apart) {
            return Ok(false);
        }
        self.submit(Command::RemovedOutside).await?;
        Ok(true)
    }
}
