//! Hands a registered job to Chronos and makes sure that it is there.

use std::time::Duration;

use serde_json::Value;
use tokio::time::{Instant, sleep};

use crate::clients::chronos::{ChronosClient, ChronosError};
use crate::qos::ids::JobId;

/// How patient a submission is.
#[derive(Debug, Clone, Copy)]
pub struct SubmitTiming {
    /// How long an accepted job may take to be visible; Chronos 3 shows it a moment after it accepted it.
    pub visible_within: Duration,
    /// How long a job is looked for after a submission whose outcome is unknown.
    pub lookup_within: Duration,
    /// Between two looks, and before a submission is tried again.
    pub pause: Duration,
    /// Submissions in all.
    pub attempts: u32,
}

impl Default for SubmitTiming {
    fn default() -> Self {
        SubmitTiming {
            visible_within: Duration::from_secs(20),
            lookup_within: Duration::from_secs(3),
            pause: Duration::from_millis(300),
            attempts: 3,
        }
    }
}

/// A submission that did not end with the job being there.
#[derive(Debug, thiserror::Error)]
pub enum SubmitError {
    /// Chronos said no, or was never reached: the job is not there.
    #[error("the job was not submitted: {0}")]
    NotSubmitted(ChronosError),
    /// No submission had a known outcome, and the job was not seen. Should it appear later, it never runs by itself.
    #[error("it is not known whether the job was submitted, and Chronos does not show it: {0}")]
    Unknown(ChronosError),
    /// Accepted, and another job of the same name is there.
    #[error("somebody else submitted another job of the same name at the same time")]
    NameTaken,
    /// Accepted, and not yet visible.
    #[error(
        "Chronos accepted the job but does not show it yet{}",
        .0.as_ref().map(|error| format!(" ({error})")).unwrap_or_default()
    )]
    Invisible(Option<ChronosError>),
}

/// What a look for the job found.
enum Seen {
    Ours,
    Other,
    Nothing(Option<ChronosError>),
}

/// One job on its way to Chronos.
pub struct Submission<'a> {
    /// The cluster.
    pub chronos: &'a ChronosClient,
    /// The name in `job`.
    pub name: &'a str,
    /// The identity that `job` carries.
    pub uuid: JobId,
    /// The rewritten job.
    pub job: &'a Value,
    /// How patient to be.
    pub timing: SubmitTiming,
}

impl Submission<'_> {
    /// Submits until the job is there, is refused, or the attempts are used up.
    ///
    /// Submitting again is harmless: the job replaces itself, and its schedule starts nothing.
    ///
    /// # Errors
    /// When the job is not there in the end, as far as is known.
    pub async fn run(&self) -> Result<(), SubmitError> {
        let mut last = None;
        for attempt in 0..self.timing.attempts.max(1) {
            if attempt > 0 {
                sleep(self.timing.pause).await;
            }
            match self.chronos.post_job(self.job).await {
                Ok(()) => return self.confirm().await,
                Err(error) if error.is_outcome_unknown() => {
                    if let Seen::Ours = self.look(self.timing.lookup_within).await {
                        return Ok(());
                    }
                    last = Some(SubmitError::Unknown(error));
                }
                // An earlier attempt of unknown outcome outweighs a refused connection.
                Err(error) if error.is_retriable() => {
                    last = last.or(Some(SubmitError::NotSubmitted(error)));
                }
                Err(error) => return Err(SubmitError::NotSubmitted(error)),
            }
        }
        Err(last.unwrap_or(SubmitError::Invisible(None)))
    }

    async fn confirm(&self) -> Result<(), SubmitError> {
        match self.look(self.timing.visible_within).await {
            Seen::Ours => Ok(()),
            Seen::Other => Err(SubmitError::NameTaken),
            Seen::Nothing(error) => Err(SubmitError::Invisible(error)),
        }
    }

    /// Looks for the job until it is seen or `within` is over. One that is replaced may show its old form for a while.
    async fn look(&self, within: Duration) -> Seen {
        let until = Instant::now() + within;
        loop {
            let seen = match self.chronos.find(self.name).await {
                Ok(Some(job)) if job.carries(self.uuid) => return Seen::Ours,
                Ok(Some(_)) => Seen::Other,
                Ok(None) => Seen::Nothing(None),
                Err(error) => Seen::Nothing(Some(error)),
            };
            if Instant::now() + self.timing.pause > until {
                return seen;
            }
            sleep(self.timing.pause).await;
        }
    }
}
