//! `POST /initTask`, and the question before it: `POST /api/v1/admission`

use actix_web::web::{Data, Json};

use super::Frameworks;
use super::respond::receipt;
use crate::actors::Supervisor;
use crate::api::register::{AdmissionReply, RegisterReply, RegisterRequest};
use crate::credentials::flag_of;
use crate::http::auth::{AuthMode, Checked, Gate};
use crate::http::problem::Problem;
use crate::qos::ids::Framework;
use crate::qos::job::Reply;

/// Register a job, before it is submitted to its framework
#[utoipa::path(post, path = "/initTask", tag = "launcher", request_body = RegisterRequest, responses(
    (status = 200, description = "It is in the log", body = RegisterReply),
    crate::http::openapi::BodyRefused,
    (status = 409, response = crate::http::openapi::Conflict),
    (status = 503, response = crate::http::openapi::Overloaded),
))]
pub async fn register(
    supervisor: Data<Supervisor>,
    gate: Data<Gate>,
    frameworks: Data<Frameworks>,
    request: Checked<RegisterRequest>,
) -> Result<Json<RegisterReply>, Problem> {
    let request = request.body;
    check_framework(&frameworks, request.framework)?;
    let receipt = receipt("register".into(), &request, true)?;
    let answer = supervisor.register(&request, receipt).await?;
    let Reply::Registered { admission } = answer.reply else {
        return Err(Problem::internal("a registration was answered with something else"));
    };
    // Derived anew for every answer, stored nowhere.
    let callback_token =
        (gate.mode() != AuthMode::Off).then(|| gate.key().job_token(&request.uuid).expose().to_owned());
    Ok(Json(RegisterReply { uuid: request.uuid, callback_token, admission, duplicate: answer.repeated }))
}

/// What a registration would be told
///
/// Nothing is registered.
#[utoipa::path(post, path = "/api/v1/admission", tag = "launcher", request_body = RegisterRequest, responses(
    (status = 200, description = "Whether the deadline could be kept", body = AdmissionReply),
    crate::http::openapi::BodyRefused,
))]
pub async fn admission(
    supervisor: Data<Supervisor>,
    frameworks: Data<Frameworks>,
    request: Checked<RegisterRequest>,
) -> Result<Json<AdmissionReply>, Problem> {
    check_framework(&frameworks, request.body.framework)?;
    Ok(Json(supervisor.admission(&request.body)?))
}

fn check_framework(frameworks: &Frameworks, framework: Framework) -> Result<(), Problem> {
    let configured = match framework {
        Framework::Chronos => frameworks.chronos,
        Framework::Marathon => frameworks.marathon,
    };
    if configured {
        return Ok(());
    }
    let flag = flag_of(framework);
    let detail = format!("this supervisor has no {framework} credentials; start it with {flag}");
    Err(Problem::invalid_field("framework", detail))
}
