//! Hands a registered app to Marathon and makes sure that it is there.

use std::fmt;
use std::time::Duration;

use serde_json::Value;
use tokio::time::{Instant, sleep};

use crate::clients::marathon::{Accepted, AppId, Deployment, Locks, MarathonClient, MarathonError};
use crate::launcher::submit::SubmitTiming;
use crate::qos::ids::JobId;

/// How long the app that is replaced may take to end: at least its grace between TERM and KILL.
const REMOVED_WITHIN: Duration = Duration::from_secs(180);

/// A submission that did not end with the app being there.
#[derive(Debug, thiserror::Error)]
pub enum AppSubmitError {
    /// Marathon said no, or was never reached: the app is not there.
    #[error("the app was not submitted: {0}")]
    NotSubmitted(MarathonError),
    /// A deployment holds the app that is in the way.
    #[error("the app was not submitted: {0}; try again when the deployment is over, or cancel it in Marathon")]
    Locked(MarathonError),
    /// As [`AppSubmitError::NotSubmitted`], after the app that was to be replaced had been removed.
    #[error("the app that was to be replaced is removed, and the new one was not submitted: {0}")]
    NotSubmittedAfterRemoval(MarathonError),
    /// A submission had no known outcome, and the app was not seen: it may come yet.
    #[error("it is not known whether the app was submitted ({error}), and {found}")]
    Unknown {
        /// What became of the submission.
        error: Box<MarathonError>,
        /// What the last look for the app has found.
        found: Seen,
    },
    /// Another app of the same id is there.
    #[error("somebody else submitted another app of the same id at the same time")]
    NameTaken,
    /// No removal of the app that was to be replaced had a known outcome.
    #[error("it is not known whether the app that was to be replaced is removed; the new one was not submitted: {0}")]
    RemovalUnknown(MarathonError),
    /// The app that was to be replaced is still there.
    #[error("the app that was to be replaced is being removed, and is not gone after {} s", REMOVED_WITHIN.as_secs())]
    NotRemoved,
}

/// What a look for the app found.
#[derive(Debug)]
pub enum Seen {
    /// Our app, with our identity in it.
    Ours,
    /// Another app of the same id.
    Other,
    /// No app of this id.
    Nothing,
    /// Marathon did not answer, and why.
    NoAnswer(String),
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Seen::Ours => f.write_str("Marathon shows it"),
            Seen::Other => f.write_str("Marathon shows another app of the same id"),
            Seen::Nothing => f.write_str("Marathon does not show it"),
            Seen::NoAnswer(reason) => write!(f, "Marathon cannot be asked whether it is there: {reason}"),
        }
    }
}

/// One app on its way to Marathon.
pub struct AppSubmission<'a> {
    /// The cluster.
    pub marathon: &'a MarathonClient,
    /// The id in `app`.
    pub id: &'a AppId,
    /// The identity that `app` carries.
    pub uuid: JobId,
    /// The rewritten app.
    pub app: &'a Value,
    /// Whether an app of this id is there and is to be replaced.
    pub replaces: bool,
    /// How patient to be.
    pub timing: SubmitTiming,
}

impl AppSubmission<'_> {
    /// Submits until the app is there, is refused, or the attempts are used up.
    ///
    /// Before it submits again after an unknown outcome it looks: Marathon starts an app at once.
    ///
    /// # Errors
    /// When the app is not there in the end, as far as is known.
    pub async fn run(&self) -> Result<(), AppSubmitError> {
        let mut removed = false;
        if self.replaces && !self.can_replace_at_once().await? {
            self.remove().await?;
            removed = true;
        }
        match self.submit(self.replaces && !removed).await {
            Err(AppSubmitError::NotSubmitted(error)) if removed => Err(AppSubmitError::NotSubmittedAfterRemoval(error)),
            other => other,
        }
    }

    /// Whether our app is there: with our identity in it.
    pub async fn is_there(&self) -> bool {
        matches!(self.marathon.find(self.id).await, Ok(Some(app)) if app.carries(self.uuid))
    }

    async fn submit(&self, replaces: bool) -> Result<(), AppSubmitError> {
        let mut unknown = None;
        let mut known = AppSubmitError::NameTaken;
        for attempt in 0..self.timing.attempts.max(1) {
            if attempt > 0 {
                sleep(self.timing.pause).await;
            }
            match self.send(replaces).await {
                Ok(_) => return Ok(()),
                Err(error) if error.is_outcome_unknown() => {
                    if let Seen::Ours = self.look(self.timing.lookup_within).await {
                        return Ok(());
                    }
                    unknown = Some(Box::new(error));
                }
                // Taken or locked by an attempt of ours, whose answer was lost, or by somebody else.
                Err(error @ (MarathonError::AlreadyExists { .. } | MarathonError::Locked { .. })) => {
                    known = match self.look(Duration::ZERO).await {
                        Seen::Ours => return Ok(()),
                        _ if error.is_locked() => AppSubmitError::Locked(error),
                        _ => AppSubmitError::NameTaken,
                    };
                    break;
                }
                Err(error) if error.is_retriable() => known = AppSubmitError::NotSubmitted(error),
                Err(error) => {
                    known = AppSubmitError::NotSubmitted(error);
                    break;
                }
            }
        }
        // An attempt of unknown outcome outweighs whatever became of the others: it may be carried out yet.
        let Some(error) = unknown else { return Err(known) };
        match self.look(self.timing.visible_within).await {
            Seen::Ours => Ok(()),
            found => Err(AppSubmitError::Unknown { error, found }),
        }
    }

    async fn send(&self, replaces: bool) -> Result<Accepted, MarathonError> {
        if replaces && let Some(accepted) = self.marathon.replace(self.id, self.app).await? {
            return Ok(accepted);
        }
        self.marathon.create(self.app).await
    }

    async fn can_replace_at_once(&self) -> Result<bool, AppSubmitError> {
        let version = self.marathon.version().await.map_err(AppSubmitError::NotSubmitted)?;
        Ok(version.has_patch())
    }

    /// Removes the app that is in the way, and waits until Marathon has forgotten it and no deployment touches it.
    async fn remove(&self) -> Result<(), AppSubmitError> {
        self.ask_for_removal().await?;
        let until = Instant::now() + REMOVED_WITHIN;
        while Instant::now() < until {
            let touches = |one: &Deployment| one.affected_apps.contains(self.id);
            let idle = self.marathon.deployments().await.is_ok_and(|all| !all.iter().any(touches));
            if idle && matches!(self.marathon.find(self.id).await, Ok(None)) {
                return Ok(());
            }
            sleep(self.timing.pause).await;
        }
        Err(AppSubmitError::NotRemoved)
    }

    async fn ask_for_removal(&self) -> Result<(), AppSubmitError> {
        let mut unknown = None;
        for attempt in 0..self.timing.attempts.max(1) {
            if attempt > 0 {
                sleep(self.timing.pause).await;
            }
            match self.marathon.delete(self.id, Locks::Respect).await {
                Ok(_) => return Ok(()),
                Err(error) if error.is_not_found() => return Ok(()),
                // The removal of an attempt whose answer was lost holds the lock, or somebody else's change does.
                Err(error) if error.is_locked() && unknown.is_some() => return Ok(()),
                Err(error) if error.is_locked() => return Err(AppSubmitError::Locked(error)),
                Err(error) if error.is_retriable() => unknown = Some(error),
                Err(error) => return Err(AppSubmitError::NotSubmitted(error)),
            }
        }
        Err(unknown.map_or(AppSubmitError::NotRemoved, AppSubmitError::RemovalUnknown))
    }

    /// Looks for the app until it is seen or `within` is over.
    async fn look(&self, within: Duration) -> Seen {
        let until = Instant::now() + within;
        loop {
            let seen = match self.marathon.find(self.id).await {
                Ok(Some(app)) if app.carries(self.uuid) => return Seen::Ours,
                Ok(Some(_)) => Seen::Other,
                Ok(None) => Seen::Nothing,
                Err(error) => Seen::NoAnswer(error.to_string()),
            };
            if Instant::now() + self.timing.pause > until {
                return seen;
            }
            sleep(self.timing.pause).await;
        }
    }
}
