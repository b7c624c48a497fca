//! Errors as RFC 9457 problem details.
//!
//! A [`Problem`] is what the client may know. What only the operator may know goes to the log where the problem is made.

mod complete;

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::{CONNECTION, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::{HttpRequest, HttpResponse, ResponseError};
use problem_details::ProblemDetails;
use serde::Serialize;

pub use complete::complete;

/// The media type of every error.
pub const CONTENT_TYPE: &str = "application/problem+json";

/// Members of ours beside the standard ones.
#[derive(Debug, Clone, Default, Serialize)]
struct Members {
    /// The field of the request that is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
}

/// An error answer.
#[derive(Debug)]
pub struct Problem {
    status: StatusCode,
    detail: Cow<'static, str>,
    members: Members,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Problem {
    /// An error of this status; `detail` says what is wrong and what would be right.
    pub fn new(status: StatusCode, detail: impl Into<Cow<'static, str>>) -> Self {
        Problem { status, detail: detail.into(), members: Members::default(), headers: Vec::new() }
    }

    /// 401, with the challenge of RFC 6750. `wrong`: a token came and was not the right one.
    pub fn unauthorized(detail: impl Into<Cow<'static, str>>, wrong: bool) -> Self {
        let challenge =
            if wrong { "Bearer realm=\"mesos-qos\", error=\"invalid_token\"" } else { "Bearer realm=\"mesos-qos\"" };
        Problem::new(StatusCode::UNAUTHORIZED, detail).with_header(WWW_AUTHENTICATE, challenge)
    }

    /// 403.
    pub fn forbidden(detail: impl Into<Cow<'static, str>>) -> Self {
        Problem::new(StatusCode::FORBIDDEN, detail)
    }

    /// 404.
    pub fn not_found(detail: impl Into<Cow<'static, str>>) -> Self {
        Problem::new(StatusCode::NOT_FOUND, detail)
    }

    /// 408; the connection is closed, as the rest of the request may still come.
    pub fn too_slow(detail: impl Into<Cow<'static, str>>) -> Self {
        Problem::new(StatusCode::REQUEST_TIMEOUT, detail).with_header(CONNECTION, "close")
    }

    /// 409.
    pub fn conflict(detail: impl Into<Cow<'static, str>>) -> Self {
        Problem::new(StatusCode::CONFLICT, detail)
    }

    /// 413.
    pub fn too_large(limit: usize) -> Self {
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, format!("the body is larger than {limit} bytes"))
    }

    /// 415.
    pub fn unsupported_type(detail: impl Into<Cow<'static, str>>) -> Self {
        Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail)
    }

    /// 422.
    pub fn invalid(detail: impl Into<Cow<'static, str>>) -> Self {
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail)
    }

    /// 422 about one field; `detail` says what would be right.
    pub fn invalid_field(field: impl Into<String>, detail: impl fmt::Display) -> Self {
        let field = field.into();
        let mut problem = Problem::invalid(format!("{field}: {detail}"));
        problem.members.field = Some(field);
        problem
    }

    /// 503: come back after `retry_after`.
    pub fn overloaded(detail: impl Into<Cow<'static, str>>, retry_after: Duration) -> Self {
        // Whole seconds, rounded up: 0 would invite the client to hammer.
        let seconds = retry_after.as_secs_f64().ceil().max(1.0);
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail).with_header(RETRY_AFTER, &seconds.to_string())
    }

    /// 500. The cause is logged; the client learns only that it is not to blame.
    pub fn internal(cause: impl fmt::Display) -> Self {
        tracing::error!("a request failed: {cause:#}");
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the supervisor failed; its log says why")
    }

    /// The status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The field that is wrong, if the problem is about one.
    pub fn field(&self) -> Option<&str> {
        self.members.field.as_deref()
    }

    fn with_header(mut self, name: HeaderName, value: &str) -> Self {
        // Every caller passes visible ASCII; a header that cannot be built is left out rather than panicking.
        self.headers.extend(HeaderValue::from_str(value).ok().map(|value| (name, value)));
        self
    }

    fn details(&self) -> ProblemDetails<Members> {
        // problem_details speaks http 1.x, actix 0.2.x; the number is the same.
        let status = reqwest::StatusCode::from_u16(self.status.as_u16()).unwrap_or_default();
        ProblemDetails::from_status_code(status).with_detail(self.detail.clone()).with_extensions(self.members.clone())
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.status, self.detail)
    }
}

impl std::error::Error for Problem {}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status);
        response.content_type(CONTENT_TYPE);
        for header in &self.headers {
            response.insert_header(header.clone());
        }
        response.json(self.details())
    }
}

/// The default service of the whole server.
pub async fn no_such_route(request: HttpRequest) -> Problem {
    Problem::not_found(format!("there is nothing at {}", request.path()))
}

impl actix_web::Responder for Problem {
    type Body = actix_web::body::BoxBody;
    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        self.error_response()
    }
}
