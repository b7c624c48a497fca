//! Gives a problem body to errors that the framework made itself.

use actix_web::body::{BoxBody, EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::error::InternalError;
use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, CONTENT_TYPE as CONTENT_TYPE_HEADER, HeaderMap};
use actix_web::middleware::Next;
use actix_web::{Error, HttpResponse, ResponseError};

use super::{CONTENT_TYPE, Problem};

/// A middleware for the whole server: an error answer without a problem body gets one, its headers kept.
///
/// # Errors
/// Those of inner middlewares; they carry a problem as their answer.
pub async fn complete<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B, BoxBody>>, Error> {
    // The router needs the request to itself: it must not be kept here while the handler runs.
    let response = next.call(request).await.map_err(|error| {
        let answer = bare(error.as_response_error().error_response());
        InternalError::from_response(error, answer)
    })?;
    if !lacks_problem(response.status(), response.headers()) {
        return Ok(response.map_into_left_body());
    }
    let (http_request, response) = response.into_parts();
    Ok(ServiceResponse::new(http_request, bare(response.map_into_boxed_body())).map_into_right_body())
}

fn lacks_problem(status: StatusCode, headers: &HeaderMap) -> bool {
    let is_error = status.is_client_error() || status.is_server_error();
    is_error && headers.get(CONTENT_TYPE_HEADER).is_none_or(|kind| kind != CONTENT_TYPE)
}

/// The same answer with a problem body, unless it has one.
fn bare(response: HttpResponse) -> HttpResponse {
    if !lacks_problem(response.status(), response.headers()) {
        return response;
    }
    let allowed = response.headers().get(ALLOW).and_then(|methods| methods.to_str().ok());
    let detail = match (response.status(), allowed) {
        (StatusCode::METHOD_NOT_ALLOWED, Some(methods)) => format!("this route takes {methods}"),
        (status, _) => status.canonical_reason().unwrap_or("the request failed").to_lowercase(),
    };
    let mut completed = Problem::new(response.status(), detail).error_response();
    for (name, value) in response.headers().iter().filter(|(name, _)| *name != CONTENT_TYPE_HEADER) {
        completed.headers_mut().append(name.clone(), value.clone());
    }
    completed
}
