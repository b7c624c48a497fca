//! `POST /api/v1/jobs/{uuid}/what-if`: a job's recorded work, run again under something else.

mod asked;
mod shown;
mod turns;

use actix_web::web::{Data, Json, Path};

use super::respond::unknown;
use crate::actors::Supervisor;
use crate::api::what_if::{ReplayRequest, WhatIf, WhatIfRequest};
use crate::events::envelope::{StoredEvent, Version};
use crate::http::auth::OperatorAccess;
use crate::http::extract::JsonBody;
use crate::http::problem::Problem;
use crate::qos::ids::JobId;
use crate::replay::{Options, counterfactual, histories};

use asked::{Asked, refused};
pub use turns::Replays;

/// Events of a job that are read; a log of more is for `mesos-qos replay`.
const MOST_EVENTS: usize = 50_000;

const PAGE: usize = 1000;

/// From so many draws the ranges are made.
const DRAWS: u32 = 50;

/// What would have become of a job under another policy
///
/// Its recorded work is run again, with the durations that its own history says for the CPU that it would have had. Computed on a thread
/// of its own; one question at a time.
#[utoipa::path(post, path = "/api/v1/jobs/{uuid}/what-if", tag = "events",
    params(("uuid" = JobId, Path, description = "The job")), request_body = WhatIfRequest, responses(
    (status = 200, description = "Both, side by side", body = WhatIf),
    crate::http::openapi::BodyRefused,
    (status = 404, response = crate::http::openapi::NotFound),
    (status = 503, response = crate::http::openapi::Overloaded),
))]
pub async fn what_if(
    _operator: OperatorAccess,
    supervisor: Data<Supervisor>,
    replays: Data<Replays>,
    job: Path<JobId>,
    request: JsonBody<WhatIfRequest>,
) -> Result<Json<WhatIf>, Problem> {
    answer(&supervisor, &replays, *job, request.0).await.map(Json)
}

/// The same, with the job in the body
#[utoipa::path(post, path = "/api/v1/replay", tag = "events", request_body = ReplayRequest, responses(
    (status = 200, description = "Both, side by side", body = WhatIf),
    crate::http::openapi::BodyRefused,
    (status = 404, response = crate::http::openapi::NotFound),
    (status = 503, response = crate::http::openapi::Overloaded),
))]
pub async fn replay(
    _operator: OperatorAccess,
    supervisor: Data<Supervisor>,
    replays: Data<Replays>,
    request: JsonBody<ReplayRequest>,
) -> Result<Json<WhatIf>, Problem> {
    let ReplayRequest { job, policy, set, cpus } = request.0;
    answer(&supervisor, &replays, job, WhatIfRequest { policy, set, cpus }).await.map(Json)
}

async fn answer(
    supervisor: &Supervisor,
    replays: &Replays,
    job: JobId,
    request: WhatIfRequest,
) -> Result<WhatIf, Problem> {
    let asked = Asked::of(request)?;
    let turn = replays.turn()?;
    let events = read(supervisor, job).await?;
    turn.compute(move || compute(&events, &asked)).await
}

async fn read(supervisor: &Supervisor, job: JobId) -> Result<Vec<StoredEvent>, Problem> {
    let mut events: Vec<StoredEvent> = Vec::new();
    loop {
        let after = events.last().map_or(Version::NONE, |event| event.version);
        let page = supervisor.log().read_stream(job.into(), after, PAGE).await?;
        let more = page.len() == PAGE;
        events.extend(page);
        if events.len() > MOST_EVENTS {
            let text = format!("the job has more than {MOST_EVENTS} events: use `mesos-qos replay` for it");
            return Err(Problem::invalid(text));
        }
        if !more {
            break;
        }
    }
    if events.is_empty() { Err(unknown(job)) } else { Ok(events) }
}

fn compute(events: &[StoredEvent], asked: &Asked) -> Result<WhatIf, Problem> {
    let history = histories(events).map_err(refused)?;
    let recorded = history.first().map(|job| job.registered().policy.clone());
    let recorded = recorded.ok_or_else(|| Problem::internal("events without a job"))?;
    let change = asked.change(&recorded)?;
    let options = Options { draws: DRAWS, ..Options::default() };
    shown::view(counterfactual(&history, &change, &options).map_err(|error| asked.refused(error))?)
}
