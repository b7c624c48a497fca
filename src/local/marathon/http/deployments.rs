//! Deployments.

use actix_web::{HttpRequest, HttpResponse, web};

use super::query::Query;
use super::{Api, reply};
use crate::local::marathon::core::{Core, Event, Reply};

pub(super) async fn list(api: web::Data<Api>) -> HttpResponse {
    reply::ok(&api.look(Core::deployments_json))
}

/// Goes back by another deployment; with `force` nothing is undone, and the answer is empty.
pub(super) async fn cancel(request: HttpRequest, api: web::Data<Api>, id: web::Path<String>) -> HttpResponse {
    let force = Query::of(&request).flag("force", false);
    match api.apply(Event::CancelDeployment { id: id.into_inner(), force }) {
        Ok(Reply::Done) => HttpResponse::Accepted().finish(),
        Ok(reply) => reply::done(reply, None, api.version),
        Err(refusal) => reply::refused(&refusal),
    }
}
