//! From the supervisor's errors to answers.

use std::time::Duration;

use actix_web::http::StatusCode;
use sha2::{Digest, Sha256};

use crate::actors::{Receipt, RegisterError, SubmitError};
use crate::events::store::ReadError;
use crate::http::problem::Problem;
use crate::qos::ids::JobId;
use crate::qos::job::Rejection;
use crate::qos::units::Timestamp;

/// What a client should wait before it tries again.
const RETRY_AFTER: Duration = Duration::from_secs(1);

impl From<SubmitError> for Problem {
    fn from(error: SubmitError) -> Self {
        let text = error.to_string();
        match error {
            SubmitError::Rejected(Rejection::Unknown) => Problem::not_found(text),
            SubmitError::Rejected(Rejection::WrongFramework { .. }) => Problem::invalid_field("uuid", text),
            SubmitError::Rejected(Rejection::UnknownPolicyVersion(_)) | SubmitError::Internal(_) => {
                Problem::internal(text)
            }
            SubmitError::Rejected(_)
            | SubmitError::Conflict
            | SubmitError::NameTaken { .. }
            | SubmitError::NameHeld { .. } => Problem::conflict(text),
            SubmitError::Overloaded | SubmitError::Storage(_) | SubmitError::Closed => {
                Problem::overloaded(text, RETRY_AFTER)
            }
        }
    }
}

impl From<RegisterError> for Problem {
    fn from(error: RegisterError) -> Self {
        match error {
            RegisterError::Invalid(invalid) => Problem::invalid_field(invalid.field, invalid.problem),
            RegisterError::Submit(error) => error.into(),
        }
    }
}

impl From<ReadError> for Problem {
    fn from(error: ReadError) -> Self {
        tracing::error!(%error, "the event log cannot be read");
        // What is damaged or missing does not come back by waiting. Only operators ask for what is read.
        if matches!(error, ReadError::Archive { .. } | ReadError::Malformed { .. } | ReadError::Column { .. }) {
            return Problem::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string());
        }
        Problem::overloaded("the event log cannot be read at the moment", RETRY_AFTER)
    }
}

/// What is told of a job that is not there.
pub fn unknown(job: JobId) -> Problem {
    Problem::not_found(format!("no job {job} is registered here"))
}

/// The receipt of a request that says `content`.
pub fn receipt(key: String, content: &impl serde::Serialize, strict: bool) -> Result<Receipt, Problem> {
    let text = serde_json::to_vec(content).map_err(Problem::internal)?;
    Ok(Receipt { key, digest: Sha256::digest(text).into(), strict })
}

/// An instant that came as seconds since 1970.
pub fn instant(field: &'static str, seconds: f64) -> Result<Timestamp, Problem> {
    Timestamp::try_from_epoch_seconds(seconds).map_err(|error| Problem::invalid_field(field, error))
}

/// An exit code that came as a number; its absence means success.
pub fn exit_code(code: Option<f64>) -> Result<i32, Problem> {
    let code = code.unwrap_or(0.0);
    if code.fract() == 0.0 && (-255.0..=255.0).contains(&code) {
        Ok(code as i32)
    } else {
        Err(Problem::invalid_field("exit_code", format!("{code} is not an exit code: a whole number from 0 to 255 is")))
    }
}
