//! What is known about a call to Monasca that did not succeed.

use crate::clients::transport::TransportError;
use crate::openstack::token::TokenError;

/// A call to Monasca that failed. No variant holds a token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MonascaError {
    /// There is no token to call with.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// No answer.
    #[error(transparent)]
    Call(#[from] TransportError),
    /// The user of the token has not the role that the call needs.
    #[error(
        "{call}: Monasca forbids it (401 {message:?}): the user needs the role monasca-user on the project (sending alone: monasca-agent, \
         reading alone: monasca-read-only-user)"
    )]
    Forbidden {
        /// Method and URL.
        call: String,
        /// What Monasca said.
        message: String,
    },
    /// The token is not accepted, a new one neither.
    #[error(
        "{call}: Monasca does not accept the token of Keystone (401): do both belong together, and are their clocks right?"
    )]
    Unauthorized {
        /// Method and URL.
        call: String,
    },
    /// Any other status that is not a success.
    #[error("{call}: status {status}{}{message}", if message.is_empty() { "" } else { ": " })]
    Status {
        /// Method and URL.
        call: String,
        /// The HTTP status.
        status: u16,
        /// What Monasca said; may be empty.
        message: String,
    },
    /// There is more than one answer holds.
    #[error("{call}: more than {most} rows: the rest is cut off")]
    CutOff {
        /// Method and URL.
        call: String,
        /// What one answer holds.
        most: usize,
    },
    /// A success that is not what Monasca documents.
    #[error("{call}: unexpected answer: {reason}")]
    BadAnswer {
        /// Method and URL.
        call: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl MonascaError {
    /// The status of the answer, when it was none of 401.
    pub fn status(&self) -> Option<u16> {
        match self {
            MonascaError::Status { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// Whether something in what was sent is to blame (422; 400 of what stands before Monasca, or of a Monasca of another kind), or there is
    /// too much of it (413): a part of it may be taken.
    pub fn is_about_the_content(&self) -> bool {
        matches!(self.status(), Some(400 | 413 | 422))
    }
}
