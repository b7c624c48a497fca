//! What a performer knows and may do for its job.

use std::sync::Arc;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use tokio_util::sync::CancellationToken;

use super::poll::Poll;
use super::{ChronosPatience, ChronosStatus};
use crate::actors::directory::Entry;
use crate::actors::submit::{Submit, SubmitError};
use crate::clients::chronos::{ChronosClient, ChronosError, ChronosJob, JobActivity};
use crate::clock::{Clock, SteadyClock};
use crate::events::job::Activity;
use crate::qos::ids::JobId;
use crate::qos::job::command::FrameworkFacts;
use crate::qos::job::{Command, JobState};
use crate::qos::units::{Span, Timestamp};

/// The performer is no longer wanted.
pub struct Stopped;

/// One performer's job.
pub struct Session {
    pub client: Arc<ChronosClient>,
    pub patience: ChronosPatience,
    pub status: Arc<ChronosStatus>,
    /// The wall clock.
    pub clock: Arc<dyn Clock>,
    /// Measures waits.
    pub steady: SteadyClock,
    pub poll: Poll,
    pub entry: Entry,
    pub job: JobId,
    pub name: String,
    pub stop: CancellationToken,
}

/// What Chronos shows of a job.
pub enum Look {
    /// Queued or running.
    Busy(Activity),
    /// Idle, with its JSON.
    Idle(FrameworkFacts, Box<ChronosJob>),
    /// Not there; or one of this name that is not ours.
    Absent,
}

/// What became of a command.
pub enum Submitted {
    /// It is on disk.
    Done,
    /// The job has moved on: the performer's task is over.
    Overtaken,
}

/// Waits between attempts, growing to half a minute, with jitter.
pub fn backoff() -> ExponentialBackoff {
    ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(250))
        .with_max_delay(Duration::from_secs(30))
        .with_jitter()
        .without_max_times()
        .build()
}

impl Session {
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

    /// A fresh look at the job. Waits for as long as Chronos does not answer.
    pub async fn look(&self) -> Result<Look, Stopped> {
        let snapshot = tokio::select! {
            () = self.stop.cancelled() => return Err(Stopped),
            snapshot = self.poll.next() => snapshot,
        };
        match snapshot.jobs.get(&self.name) {
            Some(JobActivity::Queued) => return Ok(Look::Busy(Activity::Queued)),
            Some(JobActivity::Running(_)) => return Ok(Look::Busy(Activity::Running)),
            Some(JobActivity::Idle) | None => {}
        }
        Ok(match self.find().await? {
            None => Look::Absent,
            Some(job) if !job.carries(self.job) => Look::Absent,
            Some(job) => Look::Idle(facts(&job, Activity::Idle), Box::new(job)),
        })
    }

    /// The job as Chronos has it. Waits for as long as Chronos does not answer.
    pub async fn find(&self) -> Result<Option<ChronosJob>, Stopped> {
        let mut backoff = backoff();
        loop {
            match self.client.find(&self.name).await {
                Ok(job) => {
                    self.status.worked();
                    return Ok(job);
                }
                Err(error) => self.failed("find", &error),
            }
            self.sleep(backoff.next().unwrap_or(Duration::from_secs(30))).await?;
        }
    }

    /// Records a failed call where people look.
    pub fn failed(&self, call: &str, error: &ChronosError) {
        if error.is_retriable() || error.is_outcome_unknown() {
            self.status.failed(&error.to_string(), self.clock.now());
        } else {
            // It answers: one job's request is not to its taste.
            self.status.refused();
        }
        tracing::warn!(job = %self.job, name = self.name, call, %error, "a call to Chronos failed");
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
            self.sleep(backoff.next().unwrap_or(Duration::from_secs(30))).await?;
        }
    }
}

/// What Chronos says of a job.
pub fn facts(job: &ChronosJob, activity: Activity) -> FrameworkFacts {
    FrameworkFacts { cpus: job.cpus(), success_count: job.success_count(), error_count: job.error_count(), activity }
}

/// Two reads without the job, far enough apart, show that somebody removed it.
#[derive(Default)]
pub struct Absence(Option<Timestamp>);

impl Absence {
    /// The job was read as absent at `now`; true when that is certain.
    pub fn absent(&mut self, now: Timestamp, apart: Span) -> bool {
        let first = *self.0.get_or_insert(now);
        now.since(first) >= apart
    }

    /// The job was there.
    pub fn present(&mut self) {
        self.0 = None;
    }
}
