//! `GET /api/v1/summary`

use actix_web::web::{Data, Json};

use crate::actors::Supervisor;
use crate::api::summary::Summary;
use crate::http::auth::OperatorAccess;
use crate::http::problem::Problem;
use crate::qos::job::{Ending, Flag, JobState};
use crate::qos::units::Cpus;

/// All jobs in a few figures
#[utoipa::path(get, path = "/api/v1/summary", tag = "jobs", responses(
    (status = 200, description = "Now", body = Summary),
    (status = 401, response = crate::http::openapi::Unauthorized),
    (status = 503, response = crate::http::openapi::Overloaded),
))]
pub async fn summary(_operator: OperatorAccess, supervisor: Data<Supervisor>) -> Result<Json<Summary>, Problem> {
    let states = supervisor.states();
    let living = || states.iter().filter(|state| state.ending().is_none());
    let frameworks = supervisor.frameworks().iter();
    // Done, and not yet gone from their framework: they are not among the jobs that are over.
    let still_there = states.iter().filter(|state| !state.is_finished() && ended_late(state));
    Ok(Json(Summary {
        jobs: supervisor.log().job_counts().await?.into_iter().collect(),
        late: living().filter(|state| is_late(state)).count() as u64,
        late_completed: supervisor.log().late_jobs().await? + still_there.count() as u64,
        // Not `sum`, which is -0 of nothing.
        cpus: living().filter_map(|state| state.cpus).map(Cpus::as_f64).fold(0.0, |all, one| all + one),
        frameworks: frameworks.map(|(name, status)| (name.to_string(), status.unreachable_since().is_none())).collect(),
        seq: supervisor.log().stats().head.seq.0,
        now: supervisor.clock().now().into(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    }))
}

fn ended_late(state: &JobState) -> bool {
    matches!(state.ending(), Some(Ending::Completed { on_time: false, .. }))
}

fn is_late(state: &JobState) -> bool {
    let predicted = state.decision.is_some_and(|decision| decision.prediction > state.deadline_at());
    predicted || state.flags.contains(&Flag::Late)
}
