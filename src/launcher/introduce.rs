//! The registration of a job, the same for every framework.

use super::error::LaunchError;
use super::launch::LaunchOptions;
use super::supervisor::SupervisorApi;
use crate::api::register::{AdmissionView, RegisterRequest};

/// A job that the supervisor knows and that is not submitted yet.
#[derive(Debug)]
pub struct Introduced {
    /// Whether the deadline can be kept.
    pub admission: AdmissionView,
    /// Opens the job's callbacks; absent when the supervisor asks for no token.
    pub token: Option<String>,
}

/// Registers the job, and takes the registration back when it is not to be submitted.
///
/// # Errors
/// When the supervisor refuses it, `--require-feasible` does, or the token could not be used.
pub async fn introduce(
    supervisor: &SupervisorApi,
    request: &RegisterRequest,
    options: &LaunchOptions,
) -> Result<Introduced, LaunchError> {
    let uuid = request.uuid;
    let reply = supervisor.register(request).await.map_err(LaunchError::Registration)?;
    let admission = reply.admission;
    let (name, verdict, reason) = (&request.name, &admission.verdict, &admission.reason);
    (options.progress)(&format!("registered {name:?} as {uuid}: {verdict} ({reason})"));
    if options.require_feasible && admission.verdict == "infeasible" {
        let withdrawal = supervisor.withdraw(uuid, "infeasible, and only a feasible job was wanted").await.err();
        return Err(LaunchError::Infeasible { admission: Box::new(admission), withdrawal });
    }
    if !reply.callback_token.as_deref().is_none_or(is_bearer_token) {
        return Err(LaunchError::Token(supervisor.withdraw(uuid, "unusable callback token").await.err()));
    }
    Ok(Introduced { admission, token: reply.callback_token })
}

/// What RFC 6750 allows in a bearer token; all of it can stand in a curl configuration in quotes.
fn is_bearer_token(token: &str) -> bool {
    !token.is_empty() && token.chars().all(|c| c.is_ascii_alphanumeric() || "-._~+/=".contains(c))
}
