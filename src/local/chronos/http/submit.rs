//! Bodies come in.

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};

use super::{Api, reply};
use crate::local::body::{self, BodyError};
use crate::local::chronos::core::{Event, Refusal};
use crate::local::chronos::decode::decode;
use crate::local::chronos::job::Job;

pub(super) async fn schedule(request: HttpRequest, api: web::Data<Api>, body: web::Bytes) -> HttpResponse {
    submit(&request, &api, &body, Event::Schedule)
}

pub(super) async fn depend(request: HttpRequest, api: web::Data<Api>, body: web::Bytes) -> HttpResponse {
    submit(&request, &api, &body, Event::Depend)
}

fn submit(request: &HttpRequest, api: &Api, body: &[u8], event: fn(Job) -> Event) -> HttpResponse {
    let node = match body::json(request, body) {
        Ok(node) => node,
        Err(e) => return no_json(e),
    };
    match decode(&node, api.version, api.driver.now()) {
        Ok(job) => reply::done(api.apply(event(job)), api.version),
        Err(e) => reply::refused(&Refusal::Failure(e.to_string()), api.version),
    }
}

/// The answer to a body that is not JSON.
pub(super) fn no_json(error: BodyError) -> HttpResponse {
    match error {
        BodyError::OtherType => HttpResponse::UnsupportedMediaType().finish(),
        BodyError::Malformed(why) => HttpResponse::BadRequest()
            .content_type(header::ContentType::plaintext())
            .body(format!("malformed JSON: {why}")),
    }
}
