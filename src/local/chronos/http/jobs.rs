//! Jobs and tasks are told what to do.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;

use super::{Api, reply, submit};
use crate::local::body;
use crate::local::chronos::core::{Event, Refusal};
use crate::local::chronos::jackson;

#[derive(Deserialize)]
pub(super) struct StartQuery {
    arguments: Option<String>,
}

pub(super) async fn start(api: web::Data<Api>, name: web::Path<String>, query: web::Query<StartQuery>) -> HttpResponse {
    let event = Event::Start { job: name.into_inner(), arguments: query.into_inner().arguments };
    reply::done(api.apply(event), api.version)
}

pub(super) async fn delete(api: web::Data<Api>, name: web::Path<String>) -> HttpResponse {
    reply::done(api.apply(Event::Delete(name.into_inner())), api.version)
}

pub(super) async fn kill(api: web::Data<Api>, name: web::Path<String>) -> HttpResponse {
    reply::done(api.apply(Event::Kill(name.into_inner())), api.version)
}

pub(super) async fn purge(api: web::Data<Api>) -> HttpResponse {
    reply::done(api.apply(Event::Purge), api.version)
}

pub(super) async fn mark_successful(api: web::Data<Api>, name: web::Path<String>) -> HttpResponse {
    let name = name.into_inner();
    let known = api.driver.read(|state| state.chronos.find(&name).is_some());
    match api.apply(Event::MarkSuccessful(name.clone())) {
        Ok(()) => reply::text(format!("marked job {name} as successful: {known}")),
        Err(refusal) => reply::refused(&refusal, api.version),
    }
}

/// 2.4: the end of an `async` task, `{"statusCode": 0}`.
pub(super) async fn report(
    request: HttpRequest,
    api: web::Data<Api>,
    id: web::Path<String>,
    body: web::Bytes,
) -> HttpResponse {
    report_task(&request, &api, id.into_inner(), &body)
}

/// A task of the name `all`, beside whose path DELETE means something else.
pub(super) async fn report_all(request: HttpRequest, api: web::Data<Api>, body: web::Bytes) -> HttpResponse {
    report_task(&request, &api, "all".into(), &body)
}

fn report_task(request: &HttpRequest, api: &Api, task: String, body: &[u8]) -> HttpResponse {
    let node = match body::json(request, body) {
        Ok(node) => node,
        Err(e) => return submit::no_json(e),
    };
    let Some(status_code) = node.get("statusCode").map(jackson::long) else {
        return reply::refused(&Refusal::Failure("statusCode is missing".into()), api.version);
    };
    reply::done(api.apply(Event::Report { task, status_code }), api.version)
}
