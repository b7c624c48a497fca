//! JSON bodies, bounded in size and time; each error names the field and what would be right.

use actix_web::dev::Payload;
use actix_web::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use actix_web::web::{Bytes, BytesMut, Data, PathConfig, QueryConfig};
use actix_web::{FromRequest, HttpRequest};
use futures_util::StreamExt;
use futures_util::future::LocalBoxFuture;
use serde::de::DeserializeOwned;

use super::limits::Limits;
use super::problem::Problem;

/// The body of a request, read as JSON.
#[derive(Debug, Clone, PartialEq)]
pub struct JsonBody<T>(pub T);

impl<T: DeserializeOwned + 'static> FromRequest for JsonBody<T> {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, payload) = (request.clone(), payload.take());
        Box::pin(async move { read_json(&request, payload).await.map(JsonBody) })
    }
}

/// Reads a JSON body.
///
/// # Errors
/// 415 when it is not called JSON, 413 when it is too large, 408 when it comes too slowly, 422 when it is no `T`.
pub async fn read_json<T: DeserializeOwned>(request: &HttpRequest, payload: Payload) -> Result<T, Problem> {
    check_type(request)?;
    let limits = request.app_data::<Data<Limits>>().map_or_else(Limits::default, |limits| ***limits);
    let declared = request.headers().get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    if declared.is_some_and(|length: usize| length > limits.body) {
        return Err(Problem::too_large(limits.body));
    }
    let body = tokio::time::timeout(limits.client_timeout, read(payload, limits.body)).await.map_err(|_| {
        Problem::too_slow(format!("the body did not come within {} s", limits.client_timeout.as_secs_f64()))
    })??;
    // What a derived reader takes for an object may be a list, too: nobody has promised that.
    if body.trim_ascii_start().starts_with(b"[") {
        return Err(Problem::invalid("the body is a JSON array: an object is needed"));
    }
    parse(&body)
}

fn check_type(request: &HttpRequest) -> Result<(), Problem> {
    let found = request.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let essence = found.map(|kind| kind.split(';').next().unwrap_or_default().trim());
    if !essence.is_some_and(|essence| essence.eq_ignore_ascii_case("application/json")) {
        let found = found.map_or("has no Content-Type".into(), |found| format!("is {found}"));
        return Err(Problem::unsupported_type(format!("the body {found}: send Content-Type: application/json")));
    }
    match request.headers().get(CONTENT_ENCODING) {
        Some(encoding) if encoding != "identity" => {
            Err(Problem::unsupported_type("the body is compressed: send it as it is, without Content-Encoding"))
        }
        _ => Ok(()),
    }
}

async fn read(mut payload: Payload, limit: usize) -> Result<Bytes, Problem> {
    let mut body = BytesMut::new();
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|error| Problem::invalid(format!("the body broke off: {error}")))?;
        if body.len() + chunk.len() > limit {
            return Err(Problem::too_large(limit));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

/// Reads `body` as a `T`.
///
/// # Errors
/// 422 with the field and what is wrong with it.
pub fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    if body.trim_ascii().is_empty() {
        return Err(Problem::invalid("the body is empty: a JSON document is needed"));
    }
    let mut json = serde_json::Deserializer::from_slice(body);
    let value = serde_path_to_error::deserialize(&mut json).map_err(explain)?;
    json.end().map_err(|error| Problem::invalid(format!("the body is not one JSON document: {error}")))?;
    Ok(value)
}

fn explain(error: serde_path_to_error::Error<serde_json::Error>) -> Problem {
    use serde_json::error::Category;
    let path = error.path().to_string();
    let error = error.into_inner();
    if error.classify() != Category::Data {
        return Problem::invalid(format!("the body is not JSON: {error}"));
    }
    let message = error.to_string();
    match missing_field(&message) {
        Some(field) if path == "." => Problem::invalid_field(field, "is missing"),
        Some(field) => Problem::invalid_field(format!("{path}.{field}"), "is missing"),
        None if path == "." => Problem::invalid(message),
        None => Problem::invalid_field(path, message),
    }
}

/// serde tells a missing field in its message only, and puts the path of the object around it.
fn missing_field(message: &str) -> Option<&str> {
    message.strip_prefix("missing field `")?.split_once('`').map(|(field, _)| field)
}

/// Makes a path segment that cannot be read, such as a uuid that is none, a 404.
pub fn path_config() -> PathConfig {
    PathConfig::default()
        .error_handler(|error, _| Problem::not_found(format!("there is nothing at this path: {error}")).into())
}

/// Makes a query that cannot be read a 422.
pub fn query_config() -> QueryConfig {
    QueryConfig::default().error_handler(|error, _| Problem::invalid(format!("the query: {error}")).into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::report::FinishReport;

    fn refused(body: &str) -> (Option<String>, String) {
        let problem = parse::<FinishReport>(body.as_bytes()).unwrap_err();
        assert_eq!(problem.status().as_u16(), 422);
        (problem.field().map(str::to_owned), problem.to_string())
    }

    #[test]
    fn each_wrong_body_is_told_what_would_be_right() {
        let uuid = r#""uuid":"6c4a7f0e-22f5-4a3e-9e39-0d5f5e7f9a11","name":"a","hostname":"h""#;
        let (field, _) = refused(&format!("{{{uuid},\"started_at\":1}}"));
        assert_eq!(field.as_deref(), Some("finished_at"));
        let (field, text) = refused(&format!("{{{uuid},\"started_at\":1,\"finished_at\":\"abc\"}}"));
        assert_eq!(field.as_deref(), Some("finished_at"));
        assert!(text.contains("expected a number or a numeric string"), "{text}");
        let (field, _) = refused(r#"{"uuid":["x"]}"#);
        assert_eq!(field.as_deref(), Some("uuid"));
        for (body, part) in [
            ("", "empty"),
            ("  \n", "empty"),
            ("{", "not JSON"),
            ("nonsense", "not JSON"),
            ("[]", "invalid length 0"),
            ("null", "invalid type: null"),
            ("{} {}", "missing"),
            ("\u{0}", "not JSON"),
        ] {
            let (_, text) = refused(body);
            assert!(text.contains(part), "{body}: {text}");
        }
    }

    #[test]
    fn what_follows_the_document_is_refused() {
        let problem = parse::<Vec<u8>>(b"[1] x").unwrap_err();
        assert!(problem.to_string().contains("not one JSON document"), "{problem}");
    }

    #[test]
    fn a_body_nested_without_end_is_refused_and_not_followed() {
        assert!(parse::<serde_json::Value>("[".repeat(60_000).as_bytes()).is_err());
    }
}
