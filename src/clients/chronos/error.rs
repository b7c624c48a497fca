//! What is known about a call that did not succeed.

use crate::clients::masters::CallFailure;
use crate::clients::transport::TransportError;

/// A call to Chronos that failed. No variant holds a credential.
#[derive(Debug, thiserror::Error)]
pub enum ChronosError {
    /// No answer.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// Wrong or missing user and password.
    #[error("{call}: user or password not accepted (401)")]
    Unauthorized {
        /// Method and URL.
        call: String,
    },
    /// Chronos has no job of that name.
    #[error("{call}: {message}")]
    NotFound {
        /// Method and URL.
        call: String,
        /// What Chronos said.
        message: String,
    },
    /// Any other status that is not a success.
    #[error("{call}: status {status}{}{message}", if message.is_empty() { "" } else { ": " })]
    Status {
        /// Method and URL.
        call: String,
        /// The HTTP status.
        status: u16,
        /// The first line of what Chronos said; may be empty.
        message: String,
    },
    /// A success whose body is not what Chronos documents.
    #[error("{call}: unexpected answer: {reason}")]
    BadAnswer {
        /// Method and URL.
        call: String,
        /// What was wrong with it.
        reason: String,
    },
}

impl ChronosError {
    /// Whether a write that failed so may have been carried out all the same.
    ///
    /// A master that is not the leader passes requests on, and answers 500 when that fails half-way.
    pub fn is_outcome_unknown(&self) -> bool {
        match self {
            ChronosError::Transport(error) => error.is_outcome_unknown(),
            ChronosError::BadAnswer { .. } => true,
            ChronosError::Status { status, .. } => *status >= 500,
            _ => false,
        }
    }

    /// Whether the same call may succeed later without anybody changing anything.
    pub fn is_retriable(&self) -> bool {
        match self {
            ChronosError::Transport(error) => error.is_retriable(),
            ChronosError::Status { status, .. } => *status >= 500 || *status == 408 || *status == 429,
            _ => false,
        }
    }

    /// Whether no connection was made, so that the request was surely not processed.
    pub fn is_refused(&self) -> bool {
        matches!(self, ChronosError::Transport(error) if error.is_refused())
    }

    /// Whether Chronos says that it has no job of that name.
    pub fn is_not_found(&self) -> bool {
        matches!(self, ChronosError::NotFound { .. })
    }

    /// Whether the path itself is unknown there, which hints at the other API version.
    pub(super) fn is_wrong_path(&self) -> bool {
        matches!(self, ChronosError::Status { status: 404 | 405, .. })
    }
}

impl CallFailure for ChronosError {
    fn is_refused(&self) -> bool {
        ChronosError::is_refused(self)
    }

    fn is_retriable(&self) -> bool {
        ChronosError::is_retriable(self)
    }
}
