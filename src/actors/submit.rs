//! What the supervisor's handle and the job actors say to each other.

use actix::Message;

use crate::events::store::AppendError;
use crate::qos::ids::{Framework, JobId};
use crate::qos::job::{Command, Rejection, Reply};

/// What makes two requests the same request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The key within the job's stream.
    pub key: String,
    /// SHA-256 of what the request says, without what changes from one attempt to the next.
    pub digest: [u8; 32],
    /// Another body under the same key is an error, and not just answered like the first.
    pub strict: bool,
}

/// A command for a job.
#[derive(Debug, Message)]
#[rtype(result = "Result<Answer, SubmitError>")]
pub struct Submit {
    /// What is asked.
    pub command: Command,
    /// How a repetition is recognised.
    pub receipt: Option<Receipt>,
}

impl Submit {
    /// A command that is its own proof against repetition.
    pub fn plain(command: Command) -> Self {
        Submit { command, receipt: None }
    }
}

/// The answer to a command. What it says is on disk.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// What the core answers.
    pub reply: Reply,
    /// The same request was answered before, like this.
    pub repeated: bool,
}

/// A command that was not carried out.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum SubmitError {
    /// The core refused it.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// Another request used the same key before.
    #[error("a different request was made under this uuid before")]
    Conflict,
    /// Another active job has the name.
    #[error("{framework} job {name:?} is already registered, as {holder}")]
    NameTaken {
        /// The framework.
        framework: Framework,
        /// The name in it.
        name: String,
        /// Who has it.
        holder: JobId,
    },
    /// A job that is over has the name until its framework surely does not have it any more.
    #[error("{framework} job {name:?} is {state}, as {holder}, and its name is not free yet: {until}")]
    NameHeld {
        /// The framework.
        framework: Framework,
        /// The name in it.
        name: String,
        /// Who has it.
        holder: JobId,
        /// How it ended.
        state: &'static str,
        /// When it will be.
        until: String,
    },
    /// Too much at once; worth another try in a moment.
    #[error("the supervisor is overloaded; try again in a moment")]
    Overloaded,
    /// The log cannot be written; worth another try later.
    #[error("the event log cannot be written: {0}")]
    Storage(String),
    /// The supervisor is going down.
    #[error("the supervisor is shutting down")]
    Closed,
    /// A fault of this program.
    #[error("{0}")]
    Internal(String),
}

impl From<AppendError> for SubmitError {
    fn from(error: AppendError) -> Self {
        match error {
            AppendError::Overloaded => SubmitError::Overloaded,
            AppendError::Closed => SubmitError::Closed,
            AppendError::NameTaken { framework, name, holder } => SubmitError::NameTaken { framework, name, holder },
            AppendError::Storage(reason) => SubmitError::Storage(reason),
            error @ AppendError::OutcomeUnknown => SubmitError::Storage(error.to_string()),
            error @ (AppendError::VersionConflict { .. }
            | AppendError::DuplicateKey(_)
            | AppendError::DuplicateEffect { .. }
            | AppendError::Invalid(_)) => SubmitError::Internal(error.to_string()),
        }
    }
}
