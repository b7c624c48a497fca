//! What is known about a call that did not succeed.

use crate::clients::exchange::ExchangeError;
use crate::clients::masters::CallFailure;

/// A call to Chronos that failed. No variant holds a credential.
#[derive(Debug, thiserror::Error)]
pub enum ChronosError {
    /// The client cannot be set up, or was asked for something that no request can say.
    #[error("{0}")]
    Configuration(String),
    /// No connection: the request was surely not processed.
    #[error("{call}: no connection: {reason}")]
    Refused {
        /// Method and URL.
        call: String,
        /// The system's reason.
        reason: String,
    },
    /// Sent, but no whole answer came in time: it may have been processed.
    #[error("{call}: no answer in time")]
    Timeout {
        /// Method and URL.
        call: String,
    },
    /// The connection broke after the request may have been sent: it may have been processed.
    #[error("{call}: the connection broke: {reason}")]
    Interrupted {
        /// Method and URL.
        call: String,
        /// The system's reason.
        reason: String,
    },
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
            ChronosError::Timeout { .. } | ChronosError::Interrupted { .. } | ChronosError::BadAnswer { .. } => true,
            ChronosError::Status { status, .. } => *status >= 500,
            _ => false,
        }
    }

    /// Whether the same call may succeed later without anybody changing anything.
    pub fn is_retriable(&self) -> bool {
        match self {
            ChronosError::Refused { .. } | ChronosError::Timeout { .. } | ChronosError::Interrupted { .. } => true,
            ChronosError::Status { status, .. } => *status >= 500 || *status == 408 || *status == 429,
            _ => false,
        }
    }

    /// Whether no connection was made, so that the request was surely not processed.
    pub fn is_refused(&self) -> bool {
        matches!(self, ChronosError::Refused { .. })
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

impl From<ExchangeError> for ChronosError {
    fn from(error: ExchangeError) -> Self {
        match error {
            ExchangeError::Configuration(reason) => ChronosError::Configuration(reason),
            ExchangeError::Refused { call, reason } => ChronosError::Refused { call, reason },
            ExchangeError::Timeout { call } => ChronosError::Timeout { call },
            ExchangeError::Interrupted { call, reason } => ChronosError::Interrupted { call, reason },
            ExchangeError::TooLarge { call, reason } => ChronosError::BadAnswer { call, reason },
        }
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
