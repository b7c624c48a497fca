//! `GET /api/v1/events`: the event log as it grows.

use std::time::Duration;

use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::{Data, Query};
use actix_web::{HttpRequest, HttpResponse};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::actors::Supervisor;
use crate::events::envelope::Seq;
use crate::http::auth::{Gate, OperatorAccess};
use crate::http::feed::{Feed, MOST_WATCHERS, Watched};
use crate::http::problem::Problem;
use crate::qos::ids::JobId;

/// What a watcher without a slot should wait.
const RETRY_AFTER: Duration = Duration::from_secs(10);

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct StreamQuery {
    /// Only the events of this job.
    #[param(inline)]
    job: Option<JobId>,
    /// Events after this place in the log; 0 for all of it. `Last-Event-ID` goes before it.
    #[param(value_type = Option<u64>, maximum = 9007199254740991i64)]
    after: Option<u64>,
}

/// Events as they are recorded, as server-sent events
///
/// The id of a message is the event's place in the log: a client that was cut off sends the last one as `Last-Event-ID`, as browsers do
/// by themselves, and misses nothing. Without it, the stream begins now. Whoever reads lists first asks for `seq` before
/// (`GET /api/v1/session`), and begins after that. Messages without a name are events. `begin`, `heart-beat` (every 10 s), `reset` (the place
/// that was asked for is not in this log) and `over` (the session has ended: the stream is closed) say where the stream is (`seq`) and where
/// the log ends (`head`).
#[utoipa::path(get, path = "/api/v1/events", tag = "events", params(StreamQuery,
    ("Last-Event-ID" = Option<u64>, Header, maximum = 9007199254740991i64, description = "The last event that was seen")),
    responses(
        (status = 200, description = "Goes on until the client leaves", content_type = "text/event-stream", body = String),
        (status = 401, response = crate::http::openapi::Unauthorized),
        (status = 422, response = crate::http::openapi::Invalid),
        (status = 503, response = crate::http::openapi::Overloaded),
    ))]
pub async fn watch(
    _operator: OperatorAccess,
    request: HttpRequest,
    supervisor: Data<Supervisor>,
    gate: Data<Gate>,
    feed: Data<Feed>,
    query: Query<StreamQuery>,
) -> Result<HttpResponse, Problem> {
    let after = match last_event_id(&request)? {
        Some(seen) => Some(seen),
        None => query.after.map(place),
    };
    let watched = Watched {
        log: supervisor.log().clone(),
        clock: supervisor.clock().clone(),
        job: query.job,
        after,
        session: gate.held_session(&request),
    };
    let body = feed.watch(watched).ok_or_else(|| {
        let text = format!("{MOST_WATCHERS} others are watching, which is the most: close one of them");
        Problem::overloaded(text, RETRY_AFTER)
    })?;
    Ok(HttpResponse::Ok()
        .content_type("text/event-stream")
        .insert_header((CACHE_CONTROL, "no-store"))
        // A proxy that gathers what comes in would hold the events back.
        .insert_header(("x-accel-buffering", "no"))
        .streaming(body))
}

fn last_event_id(request: &HttpRequest) -> Result<Option<Seq>, Problem> {
    let Some(sent) = request.headers().get("last-event-id") else { return Ok(None) };
    let place_of = |text: &str| text.trim().parse().ok().map(place);
    sent.to_str()
        .ok()
        .and_then(place_of)
        .map(Some)
        .ok_or_else(|| Problem::invalid_field("Last-Event-ID", "is not the id of an event: a whole number from 0 is"))
}

/// A place beyond the largest is after the end of any log.
fn place(seq: u64) -> Seq {
    Seq(i64::try_from(seq).unwrap_or(i64::MAX))
}
