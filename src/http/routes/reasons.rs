//! What a decision cannot say by itself: what it has weighed, and who shared the cluster.

use actix_web::web::{Data, Json, Path};

use crate::actors::{RoundError, Supervisor, Untold};
use crate::api::round::RoundView;
use crate::api::weighed::WeighedView;
use crate::http::auth::OperatorAccess;
use crate::http::problem::Problem;
use crate::qos::ids::JobId;

/// What a decision has weighed
///
/// When the job was expected to end, and how likely on time, with the CPU before and after: computed again from the events before the decision.
#[utoipa::path(get, path = "/api/v1/jobs/{uuid}/decisions/{version}", tag = "events", params(
    ("uuid" = JobId, Path, description = "The job"),
    ("version" = u64, Path, description = "The decision's event"),
), responses(
    (status = 200, description = "What was weighed", body = WeighedView),
    (status = 401, response = crate::http::openapi::Unauthorized),
    (status = 404, response = crate::http::openapi::NotFound),
    (status = 503, response = crate::http::openapi::Overloaded),
))]
pub async fn weighed(
    _operator: OperatorAccess,
    supervisor: Data<Supervisor>,
    path: Path<(JobId, u64)>,
) -> Result<Json<WeighedView>, Problem> {
    let (job, version) = path.into_inner();
    let missing = || Problem::not_found(format!("event {version} of job {job} is no decision"));
    match supervisor.weighed(job, version).await {
        Ok(found) => found.map(Json).ok_or_else(missing),
        Err(Untold::Read(error)) => Err(error.into()),
        Err(error) => Err(Problem::internal(error)),
    }
}

/// How the cluster was shared
///
/// A round of the arbitration: all jobs that wished for CPU, how much, and what each was left. `GrantReceived` in a job's events names its round.
#[utoipa::path(get, path = "/api/v1/rounds/{number}", tag = "events",
    params(("number" = u64, Path, description = "The round; they are counted from 1")), responses(
    (status = 200, description = "The round", body = RoundView),
    (status = 401, response = crate::http::openapi::Unauthorized),
    (status = 404, response = crate::http::openapi::NotFound),
    (status = 503, response = crate::http::openapi::Overloaded),
))]
pub async fn round(
    _operator: OperatorAccess,
    supervisor: Data<Supervisor>,
    number: Path<u64>,
) -> Result<Json<RoundView>, Problem> {
    match supervisor.round(*number).await {
        Ok(found) => found.map(Json).ok_or_else(|| Problem::not_found(format!("no round {number} was recorded"))),
        Err(RoundError::Read(error)) => Err(error.into()),
        Err(error) => Err(Problem::internal(error)),
    }
}
