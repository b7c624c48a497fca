//! Bodies come in.

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::Value;

use super::{Api, reply};
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
    let node = match json(request, body) {
        Ok(node) => node,
        Err(e) => return e.response(),
    };
    match decode(&node, api.version, api.driver.now()) {
        Ok(job) => reply::done(api.apply(event(job)), api.version),
        Err(e) => reply::refused(&Refusal::Failure(e.to_string()), api.version),
    }
}

/// A body that is not JSON.
pub(super) enum BodyError {
    /// It does not call itself so.
    OtherType,
    /// It cannot be read.
    Malformed(String),
}

impl BodyError {
    pub fn response(self) -> HttpResponse {
        match self {
            BodyError::OtherType => HttpResponse::UnsupportedMediaType().finish(),
            BodyError::Malformed(why) => {
                HttpResponse::BadRequest().content_type(header::ContentType::plaintext()).body(why)
            }
        }
    }
}

/// Reads a body that calls itself JSON and is.
pub(super) fn json(request: &HttpRequest, body: &[u8]) -> Result<Value, BodyError> {
    let given = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = given.split(';').next().unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case("application/json") {
        return Err(BodyError::OtherType);
    }
    serde_json::from_slice(body).map_err(|e| BodyError::Malformed(format!("malformed JSON: {e}")))
}
