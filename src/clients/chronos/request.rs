//! What an answer of Chronos means.

use serde_json::Value;

use super::error::ChronosError;
use super::message::says_not_found;
use crate::clients::error_text::error_message;
use crate::clients::exchange::Reply;

/// A body that came with a 2xx status.
#[derive(Debug)]
pub struct Answer(Reply);

impl Answer {
    /// The whole body.
    pub fn body(&self) -> &[u8] {
        &self.0.body
    }

    /// The error of an answer that is not what was expected.
    pub fn bad(&self, reason: impl Into<String>) -> ChronosError {
        ChronosError::BadAnswer { call: self.0.call.clone(), reason: reason.into() }
    }

    /// The body as JSON.
    pub fn json(&self) -> Result<Value, ChronosError> {
        self.0.json().map_err(|reason| self.bad(reason))
    }
}

/// Tells an answer from an error.
pub fn judge(reply: Reply) -> Result<Answer, ChronosError> {
    if reply.is_success() {
        return Ok(Answer(reply));
    }
    let Reply { call, status, body } = reply;
    let message = error_message(&body);
    Err(match status {
        401 => ChronosError::Unauthorized { call },
        400 | 404 | 500 if says_not_found(&message) => ChronosError::NotFound { call, message },
        _ => ChronosError::Status { call, status, message },
    })
}
