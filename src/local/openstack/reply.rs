//! Answers in the manner of each service.

use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, WWW_AUTHENTICATE};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::{Value, json};

use super::query::Parameters;

/// An answer that refuses.
pub(super) type Refusal = HttpResponse;

pub(super) fn with(status: u16, body: &Value) -> HttpResponse {
    HttpResponse::build(code(status)).content_type("application/json").body(body.to_string())
}

pub(super) fn empty(status: u16) -> HttpResponse {
    HttpResponse::new(code(status))
}

fn code(status: u16) -> StatusCode {
    // Every caller names a status that exists.
    StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// A refusal of monasca-api.
pub(super) fn refusal(status: u16, title: &str, description: impl Into<String>) -> Refusal {
    with(status, &json!({"title": title, "description": description.into()}))
}

pub(super) fn unprocessable(description: impl Into<String>) -> Refusal {
    refusal(422, "Unprocessable Entity", description)
}

pub(super) fn bad_request(description: impl Into<String>) -> Refusal {
    refusal(400, "Bad Request", description)
}

/// 404 and 405 have a title only.
pub(super) fn titled(status: u16, title: &str) -> HttpResponse {
    with(status, &json!({"title": title}))
}

pub(super) fn not_allowed(allow: &str) -> HttpResponse {
    let body = json!({"title": "405 Method Not Allowed"}).to_string();
    HttpResponse::MethodNotAllowed().insert_header((ALLOW, allow)).content_type("application/json").body(body)
}

/// A refusal of Keystone, and of what stands before Monasca.
pub(super) fn keystone(status: u16, title: &str, message: &str) -> HttpResponse {
    with(status, &json!({"error": {"code": status, "message": message, "title": title}}))
}

/// 401 for every fault of a login or a token.
pub(super) fn unauthenticated(keystone_url: &str) -> HttpResponse {
    let message = "The request you have made requires authentication.";
    let mut response = keystone(401, "Unauthorized", message);
    challenge(&mut response, &format!("Keystone uri=\"{keystone_url}\""));
    response
}

/// 401 for who lacks the role: not 403, and the challenge is a word taken apart by mistake.
pub(super) fn forbidden() -> HttpResponse {
    let mut response = refusal(401, "Forbidden", "The request does not have access to this service");
    challenge(&mut response, "T, o, k, e, n");
    response
}

fn challenge(response: &mut HttpResponse, value: &str) {
    if let Ok(value) = value.parse() {
        response.headers_mut().insert(WWW_AUTHENTICATE, value);
    }
}

/// Those of `own` that the request asks for: so many, behind the one that it names.
pub(super) fn page<'a>(
    request: &HttpRequest,
    parameters: &Parameters,
    own: impl Iterator<Item = &'a Value>,
) -> Result<HttpResponse, Refusal> {
    let mut found: Vec<&Value> = own.collect();
    let offset = parameters.get("offset");
    if let Some(at) = offset.and_then(|offset| found.iter().position(|one| one["id"] == offset)) {
        found.drain(..=at);
    }
    found.truncate(parameters.limit()?);
    let links = [json!({"rel": "self", "href": own_url(request)})];
    Ok(with(200, &json!({"links": links, "elements": found})))
}

/// The address that the request named.
pub(super) fn own_url(request: &HttpRequest) -> String {
    format!("http://{}", request.connection_info().host())
}
