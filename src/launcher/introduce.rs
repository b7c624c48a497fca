//! The registration of a job, the same for every framework.

use super::error::LaunchError;
use super::launch::LaunchOptions;
use super::supervisor_api::{SupervisorApi, SupervisorError};
use crate::api::register::{AdmissionReply, AdmissionView, RegisterRequest};

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
    if options.require_feasible {
        refuse_infeasible(supervisor, request).await?;
    }
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

/// Asks before anything is registered. A supervisor that does not know the question is asked by the registration itself.
async fn refuse_infeasible(supervisor: &SupervisorApi, request: &RegisterRequest) -> Result<(), LaunchError> {
    let asked = match supervisor.admission(request).await {
        Err(SupervisorError::Refused { status: 404 | 405, .. }) => return Ok(()),
        asked => asked.map_err(LaunchError::Registration)?,
    };
    match asked.admission.verdict.as_str() {
        "infeasible" => Err(LaunchError::NotRegistered { least: least(&asked), admission: Box::new(asked.admission) }),
        _ => Ok(()),
    }
}

/// The deadline that could be kept, as a part of a sentence.
fn least(asked: &AdmissionReply) -> String {
    match asked.least_deadline {
        Some(seconds) => format!("the least deadline is {seconds} s"),
        None => "no deadline is long enough".into(),
    }
}

/// What RFC 6750 allows in a bearer token; all of it can stand in a curl configuration in quotes.
fn is_bearer_token(token: &str) -> bool {
    !token.is_empty() && token.chars().all(|c| c.is_ascii_alphanumeric() || "-._~+/=".contains(c))
}
