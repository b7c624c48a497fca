//! Bodies of requests.

use actix_web::HttpRequest;
use actix_web::http::header;
use serde_json::Value;

/// A body that is not JSON.
pub(super) enum BodyError {
    /// It does not call itself so.
    OtherType,
    /// It cannot be read.
    Malformed(String),
}

/// Reads a body that calls itself JSON and is.
pub(super) fn json(request: &HttpRequest, body: &[u8]) -> Result<Value, BodyError> {
    let given = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = given.split(';').next().unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case("application/json") {
        return Err(BodyError::OtherType);
    }
    serde_json::from_slice(body).map_err(|e| BodyError::Malformed(e.to_string()))
}
