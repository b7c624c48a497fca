//! Answers in the manner of each version.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::ContentType;
use serde_json::json;

use crate::local::chronos::core::{Answer, Refusal};
use crate::local::chronos::version::ChronosVersion;

/// 204, or why not.
pub(super) fn done(answer: Answer, version: ChronosVersion) -> HttpResponse {
    match answer {
        Ok(()) => HttpResponse::NoContent().finish(),
        Err(refusal) => refused(&refusal, version),
    }
}

/// A refusal: bare text that is called JSON, or nothing, in 2.4; JSON with a whole stack trace in 3.x.
pub(super) fn refused(refusal: &Refusal, version: ChronosVersion) -> HttpResponse {
    let status = match refusal {
        Refusal::Requirement(_) | Refusal::Sentence(_) => StatusCode::BAD_REQUEST,
        Refusal::Failure(_) => StatusCode::INTERNAL_SERVER_ERROR,
    };
    let mut response = HttpResponse::build(status);
    response.content_type(ContentType::json());
    let trace = "\n\tat mesos-qos.local\n";
    let message = match (version, refusal) {
        (ChronosVersion::V2_4, Refusal::Requirement(message)) => {
            return response.body(format!("requirement failed: {message}"));
        }
        (ChronosVersion::V2_4, Refusal::Sentence(_) | Refusal::Failure(_)) => return HttpResponse::new(status),
        (ChronosVersion::V3_0, Refusal::Requirement(message)) => {
            format!("java.lang.IllegalArgumentException: requirement failed: {message}{trace}")
        }
        (ChronosVersion::V3_0, Refusal::Sentence(message)) => message.clone(),
        (ChronosVersion::V3_0, Refusal::Failure(message)) => format!("java.lang.Exception: {message}{trace}"),
    };
    let reason = status.canonical_reason().unwrap_or_default();
    response.body(json!({"status": reason, "message": message}).to_string())
}

/// 200 with text.
pub(super) fn text(body: String) -> HttpResponse {
    HttpResponse::Ok().content_type(ContentType::plaintext()).body(body)
}
