//! `/api/v1/jobs`: what operators read and end.

use actix_web::HttpResponse;
use actix_web::web::{Data, Json, Path, Query};
use serde::Deserialize;

use crate::actors::Supervisor;
use crate::api::report::WithdrawRequest;
use crate::api::view::{JobState, JobView, Page};
use crate::events::envelope::{StoredEvent, Version};
use crate::events::store::JobFilter;
use crate::http::auth::OperatorAccess;
use crate::http::extract::JsonBody;
use crate::http::problem::Problem;
use crate::qos::ids::{Framework, JobId};
use crate::qos::job::Command;

/// Items on a page when nobody says.
const LIMIT: usize = 100;

/// Items on a page at most.
const LIMIT_MAX: usize = 1000;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListQuery {
    state: Option<JobState>,
    framework: Option<Framework>,
    limit: Option<usize>,
    after: Option<i64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventQuery {
    limit: Option<usize>,
    after: Option<u64>,
}

pub async fn list(
    _operator: OperatorAccess,
    supervisor: Data<Supervisor>,
    query: Query<ListQuery>,
) -> Result<Json<Page<JobView>>, Problem> {
    let limit = limit(query.limit)?;
    let state = query.state.map(|state| state.as_str().to_owned());
    let filter = JobFilter { state, framework: query.framework, active: None };
    // One more than asked for shows whether there is another page.
    let mut items = supervisor.list(filter, query.after, limit + 1).await?;
    let more = items.len() > limit;
    items.truncate(limit);
    let next = items.last().filter(|_| more).map(|(cursor, _)| cursor.to_string());
    Ok(Json(Page { items: items.into_iter().map(|(_, view)| view).collect(), next }))
}

pub async fn one(
    _operator: OperatorAccess,
    supervisor: Data<Supervisor>,
    job: Path<JobId>,
) -> Result<Json<JobView>, Problem> {
    Ok(Json(view(&supervisor, *job).await?))
}

pub async fn events(
    _operator: OperatorAccess,
    supervisor: Data<Supervisor>,
    job: Path<JobId>,
    query: Query<EventQuery>,
) -> Result<Json<Page<StoredEvent>>, Problem> {
    page_of_events(&supervisor, *job, &query, |_| true).await
}

pub async fn decisions(
    _operator: OperatorAccess,
    supervisor: Data<Supervisor>,
    job: Path<JobId>,
    query: Query<EventQuery>,
) -> Result<Json<Page<StoredEvent>>, Problem> {
    page_of_events(&supervisor, *job, &query, |event| matches!(event.kind.as_ref(), "Decided" | "ProgressDecided"))
        .await
}

/// Stops supervising and removes the job from its framework; 202, as the removal is still to come.
pub async fn cancel(
    _operator: OperatorAccess,
    supervisor: Data<Supervisor>,
    job: Path<JobId>,
) -> Result<HttpResponse, Problem> {
    supervisor.submit(*job, Command::Cancel { reason: "cancelled by an operator".into() }, None).await?;
    Ok(HttpResponse::Accepted().json(view(&supervisor, *job).await?))
}

/// Takes a registration back; legal only before the first start.
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
    supervisor.view(job).await?.ok_or_else(|| unknown(job))
}

fn unknown(job: JobId) -> Problem {
    Problem::not_found(format!("no job {job} is registered here"))
}

fn limit(asked: Option<usize>) -> Result<usize, Problem> {
    match asked {
        None => Ok(LIMIT),
        Some(limit) if (1..=LIMIT_MAX).contains(&limit) => Ok(limit),
        Some(limit) => Err(Problem::invalid_field("limit", format!("{limit} is not from 1 to {LIMIT_MAX}"))),
    }
}

async fn page_of_events(
    supervisor: &Supervisor,
    job: JobId,
    query: &EventQuery,
    wanted: impl Fn(&StoredEvent) -> bool,
) -> Result<Json<Page<StoredEvent>>, Problem> {
    let limit = limit(query.limit)?;
    let mut after = Version(query.after.unwrap_or(0));
    let mut items = Vec::new();
    loop {
        let batch = supervisor.log().read_stream(job.into(), after, LIMIT_MAX).await?;
        let last_batch = batch.len() < LIMIT_MAX;
        if batch.is_empty() && items.is_empty() && supervisor.view(job).await?.is_none() {
            return Err(unknown(job));
        }
        after = batch.last().map_or(after, |event| event.version);
        items.extend(batch.into_iter().filter(&wanted));
        if last_batch || items.len() > limit {
            break;
        }
    }
    let more = items.len() > limit;
    items.truncate(limit);
    let next = items.last().filter(|_| more).map(|event| event.version.to_string());
    Ok(Json(Page { items, next }))
}
