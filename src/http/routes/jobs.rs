//! `/api/v1/jobs`: what operators read and end.

use std::fmt::Display;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Json, Path, Query};

use super::filters::{EventQuery, ListQuery, Sort};
use super::respond::unknown;
use crate::actors::{Listed, Supervisor};
use crate::api::event::Event;
use crate::api::report::WithdrawRequest;
use crate::api::view::{JobView, Page, UnreadableJob};
use crate::events::envelope::StoredEvent;
use crate::events::store::EventFilter;
use crate::http::auth::OperatorAccess;
use crate::http::extract::JsonBody;
use crate::http::problem::Problem;
use crate::qos::ids::JobId;
use crate::qos::job::Command;

/// The kinds of events that are decisions.
const DECISIONS: [&str; 2] = ["Decided", "ProgressDecided"];

/// All jobs, living and over
///
/// In the order of their registration, of their margins (`sort=margin`): how long before its deadline a job has ended, or is expected to; or of
/// their names (`sort=name`).
/// Pages go on after a job, so that none is skipped or repeated whose margin stays as it is; without a margin a job comes last.
#[utoipa::path(get, path = "/api/v1/jobs", tag = "jobs", params(ListQuery), responses(
    (status = 200, description = "A page of them", body = Page<JobView>),
    (status = 401, response = crate::http::openapi::Unauthorized),
    (status = 422, response = crate::http::openapi::Invalid),
    (status = 503, response = crate::http::openapi::Overloaded),
))]
pub async fn list(
    _operator: OperatorAccess,
    supervisor: Data<Supervisor>,
    query: Query<ListQuery>,
) -> Result<Json<Page<JobView>>, Problem> {
    let (limit, filter) = (query.limit()?, query.filter()?);
    // One more than asked for shows whether there is another page.
    match query.sort() {
        Sort::Registered | Sort::Name => page(supervisor.list(filter, query.after()?, limit + 1).await?, limit),
        Sort::Margin => page(supervisor.list_by_margin(filter, query.after_margin()?, limit + 1).await?, limit),
    }
}

fn page<Place: Display>(mut listed: Vec<(Place, Listed)>, limit: usize) -> Result<Json<Page<JobView>>, Problem> {
    let more = listed.len() > limit;
    listed.truncate(limit);
    let mut page = Page::new(Vec::new(), listed.last().filter(|_| more).map(|(place, _)| place.to_string()));
    for (_, one) in listed {
        match one {
            Listed::Job(view) => page.items.push(*view),
            Listed::Unreadable(job) => page.unreadable.push(job),
        }
    }
    Ok(Json(page))
}

/// One job, now
#[utoipa::path(get, path = "/api/v1/jobs/{uuid}", tag = "jobs", params(("uuid" = JobId, Path, description = "The job")), responses(
    (status = 200, description = "The job", body = JobView),
    (status = 401, response = crate::http::openapi::Unauthorized),
    (status = 404, response = crate::http::openapi::NotFound),
    (status = 503, response = crate::http::openapi::Overloaded),
))]
pub async fn one(
    _operator: OperatorAccess,
    supervisor: Data<Supervisor>,
    job: Path<JobId>,
) -> Result<Json<JobView>, Problem> {
    Ok(Json(view(&supervisor, *job).await?))
}

/// Everything that has happened to a job
#[utoipa::path(get, path = "/api/v1/jobs/{uuid}/events", tag = "events",
    params(("uuid" = JobId, Path, description = "The job"), EventQuery), responses(
    (status = 200, description = "A page of its events", body = Page<Event>),
    crate::http::openapi::ReadRefused,
))]
pub async fn events(
    _operator: OperatorAccess,
    supervisor: Data<Supervisor>,
    job: Path<JobId>,
    query: Query<EventQuery>,
) -> Result<Json<Page<StoredEvent>>, Problem> {
    page_of_events(&supervisor, *job, query.filter()?, query.limit()?).await
}

/// The decisions about a job, each with its inputs and its reason
///
/// Events of the kinds `Decided` (batch jobs) and `ProgressDecided` (long-running jobs); `kind` narrows them further.
#[utoipa::path(get, path = "/api/v1/jobs/{uuid}/decisions", tag = "events",
    params(("uuid" = JobId, Path, description = "The job"), EventQuery), responses(
    (status = 200, description = "A page of them", body = Page<Event>),
    crate::http::openapi::ReadRefused,
))]
pub async fn decisions(
    _operator: OperatorAccess,
    supervisor: Data<Supervisor>,
    job: Path<JobId>,
    query: Query<EventQuery>,
) -> Result<Json<Page<StoredEvent>>, Problem> {
    let mut filter = query.filter()?;
    if filter.kinds.is_empty() {
        filter.kinds = DECISIONS.map(str::to_owned).to_vec();
    }
    // Whoever asks for others gets none: they are no decisions.
    filter.kinds.retain(|kind| DECISIONS.contains(&kind.as_str()));
    if filter.kinds.is_empty() {
        let known = supervisor.view(*job).await?.is_some();
        return if known { Ok(Json(Page::new(Vec::new(), None))) } else { Err(unknown(*job)) };
    }
    page_of_events(&supervisor, *job, filter, query.limit()?).await
}

/// Stop supervising a job, and remove it from its framework
///
/// 202, as the removal is still to come.
#[utoipa::path(delete, path = "/api/v1/jobs/{uuid}", tag = "jobs", params(("uuid" = JobId, Path, description = "The job")), responses(
    (status = 202, description = "The job, which is over", body = JobView),
    (status = 401, response = crate::http::openapi::Unauthorized),
    (status = 403, response = crate::http::openapi::Forbidden),
    (status = 404, response = crate::http::openapi::NotFound),
    (status = 409, response = crate::http::openapi::Conflict),
    (status = 503, response = crate::http::openapi::Overloaded),
))]
pub async fn cancel(
    _operator: OperatorAccess,
    supervisor: Data<Supervisor>,
    job: Path<JobId>,
) -> Result<HttpResponse, Problem> {
    supervisor.submit(*job, Command::Cancel { reason: "cancelled by an operator".into() }, None).await?;
    Ok(HttpResponse::Accepted().json(view(&supervisor, *job).await?))
}

/// Take a registration back
///
/// Legal only before the first start.
#[utoipa::path(post, path = "/api/v1/jobs/{uuid}/withdraw", tag = "launcher",
    params(("uuid" = JobId, Path, description = "The job")), request_body = WithdrawRequest, responses(
    (status = 200, description = "The job, which is over", body = JobView),
    crate::http::openapi::ReportRefused,
))]
pub async fn withdraw(
    _operator: OperatorAccess,
    supervisor: Data<Supervisor>,
    job: Path<JobId>,
    request: JsonBody<WithdrawRequest>,
) -> Result<Json<JobView>, Problem> {
    let never_submitted = request.0.submitted == Some(false);
    let reason = request.0.reason.unwrap_or_else(|| "withdrawn by its launcher".into());
    supervisor.submit(*job, Command::Withdraw { reason, never_submitted }, None).await?;
    Ok(Json(view(&supervisor, *job).await?))
}

async fn view(supervisor: &Supervisor, job: JobId) -> Result<JobView, Problem> {
    match supervisor.view(job).await? {
        Some(Listed::Job(view)) => Ok(*view),
        Some(Listed::Unreadable(UnreadableJob { uuid, name, problem, .. })) => {
            let text = format!("job {uuid} ({name}) cannot be shown: {problem}");
            Err(Problem::new(StatusCode::INTERNAL_SERVER_ERROR, text))
        }
        None => Err(unknown(job)),
    }
}

async fn page_of_events(
    supervisor: &Supervisor,
    job: JobId,
    filter: EventFilter,
    limit: usize,
) -> Result<Json<Page<StoredEvent>>, Problem> {
    let mut items = supervisor.log().select_events(job.into(), filter, limit + 1).await?;
    if items.is_empty() && supervisor.view(job).await?.is_none() {
        return Err(unknown(job));
    }
    let more = items.len() > limit;
    items.truncate(limit);
    let next = items.last().filter(|_| more).map(|event| event.version.to_string());
    Ok(Json(Page::new(items, next)))
}
