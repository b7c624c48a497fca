//! What is known about a call that did not succeed.

use crate::clients::masters::CallFailure;
use crate::clients::transport::TransportError;

/// A call to Marathon that failed. No variant holds a credential.
#[derive(Debug, thiserror::Error)]
pub enum MarathonError {
    /// No answer.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// Wrong or missing user and password.
    #[error("{call}: user or password not accepted (401)")]
    Unauthorized {
        /// Method and URL.
        call: String,
    },
    /// The user may not do this.
    #[error("{call}: the user is known and may not do this (403){}", said(.message))]
    Forbidden {
        /// Method and URL.
        call: String,
        /// What Marathon or its plugin said; may be empty.
        message: String,
    },
    /// Marathon has no such app.
    #[error("{call}: {message}")]
    NotFound {
        /// Method and URL.
        call: String,
        /// What Marathon said.
        message: String,
    },
    /// An app of this id is there already.
    #[error("{call}: {message}")]
    AlreadyExists {
        /// Method and URL.
        call: String,
        /// What Marathon said.
        message: String,
    },
    /// A deployment holds the app: the change was not made, and may be when the deployment is over.
    #[error("{call}: the app is locked by the deployment{} {}", plural(.deployments), .deployments.join(", "))]
    Locked {
        /// Method and URL.
        call: String,
        /// The deployments that hold it.
        deployments: Vec<String>,
    },
    /// Marathon does not take what was sent, and never will.
    #[error("{call}: not accepted ({status}): {message}")]
    Invalid {
        /// Method and URL.
        call: String,
        /// 400 or 422.
        status: u16,
        /// What is wrong, each problem with the path of its field.
        message: String,
    },
    /// The master has no leader to ask, or had no answer from it (502, 503, 504): the request may have been processed.
    #[error("{call}: no leader answered ({status}){}", said(.message))]
    NoLeader {
        /// Method and URL.
        call: String,
        /// The HTTP status.
        status: u16,
        /// What was said; may be empty.
        message: String,
    },
    /// Any other status that is not a success.
    #[error("{call}: status {status}{}", said(.message))]
    Status {
        /// Method and URL.
        call: String,
        /// The HTTP status.
        status: u16,
        /// The first line of what Marathon said; may be empty.
        message: String,
    },
    /// A success whose body is not what Marathon documents.
    #[error("{call}: unexpected answer: {reason}")]
    BadAnswer {
        /// Method and URL.
        call: String,
        /// What was wrong with it.
        reason: String,
    },
}

fn said(message: &str) -> String {
    if message.is_empty() { String::new() } else { format!(": {message}") }
}

fn plural(deployments: &[String]) -> &'static str {
    if deployments.len() == 1 { "" } else { "s" }
}

impl MarathonError {
    /// Whether a write that failed so may have been carried out all the same.
    pub fn is_outcome_unknown(&self) -> bool {
        match self {
            MarathonError::Transport(error) => error.is_outcome_unknown(),
            MarathonError::BadAnswer { .. } | MarathonError::NoLeader { .. } => true,
            MarathonError::Status { status, .. } => *status >= 500,
            _ => false,
        }
    }

    /// Whether the same call may succeed later without anybody changing anything. A lock is not one of these: it has
    /// its own question, [`MarathonError::is_locked`].
    pub fn is_retriable(&self) -> bool {
        match self {
            MarathonError::Transport(error) => error.is_retriable(),
            MarathonError::NoLeader { .. } => true,
            MarathonError::Status { status, .. } => *status >= 500 || *status == 408 || *status == 429,
            _ => false,
        }
    }

    /// Whether no connection was made, so that the request was surely not processed.
    pub fn is_refused(&self) -> bool {
        matches!(self, MarathonError::Transport(error) if error.is_refused())
    }

    /// Whether Marathon says that it has no such app.
    pub fn is_not_found(&self) -> bool {
        matches!(self, MarathonError::NotFound { .. })
    }

    /// Whether a deployment holds the app.
    pub fn is_locked(&self) -> bool {
        matches!(self, MarathonError::Locked { .. })
    }

    /// Whether the route itself is unknown there, which hints at another version, or at no Marathon at all.
    pub(super) fn is_wrong_route(&self) -> bool {
        matches!(self, MarathonError::Status { status: 404 | 405, .. })
    }
}

impl CallFailure for MarathonError {
    fn is_refused(&self) -> bool {
        MarathonError::is_refused(self)
    }

    fn is_retriable(&self) -> bool {
        MarathonError::is_retriable(self)
    }
}
