//! Answers: always JSON.

use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::{Value, json};

use crate::local::body::BodyError;
use crate::local::chronos::schedule::utc_text;
use crate::local::marathon::core::{Refusal, Reply};
use crate::local::marathon::fields::Problems;
use crate::local::marathon::version::MarathonVersion;
use crate::qos::units::Timestamp;

/// A status and an object.
pub(super) fn json(status: StatusCode, body: &Value) -> HttpResponse {
    HttpResponse::build(status).json(body)
}

/// 200 and an object.
pub(super) fn ok(body: &Value) -> HttpResponse {
    json(StatusCode::OK, body)
}

/// A status and a message.
pub(super) fn message(status: StatusCode, message: &str) -> HttpResponse {
    json(status, &json!({"message": message}))
}

/// What a request led to. `location` is that of what was created.
pub(super) fn done(reply: Reply, location: Option<&str>, version: MarathonVersion) -> HttpResponse {
    match reply {
        Reply::Done => HttpResponse::Ok().finish(),
        Reply::Killing(tasks) => ok(&json!({"tasks": tasks})),
        Reply::Deployed { id, version: at, created } => {
            let status = if created && location.is_some() { StatusCode::CREATED } else { StatusCode::OK };
            let mut response = deployed(status, &id, at, version);
            if let Some(path) = location.filter(|_| created)
                && let Ok(path) = header::HeaderValue::from_str(path)
            {
                response.headers_mut().insert(header::LOCATION, path);
            }
            response
        }
    }
}

fn deployed(status: StatusCode, id: &str, at: Timestamp, version: MarathonVersion) -> HttpResponse {
    let mut response = json(status, &json!({"version": utc_text(at), "deploymentId": id}));
    name_deployment(&mut response, id, version);
    response
}

/// From 1.4 on a header tells the deployment.
pub(super) fn name_deployment(response: &mut HttpResponse, id: &str, version: MarathonVersion) {
    if version.since_1_4()
        && let Ok(id) = header::HeaderValue::from_str(id)
    {
        response.headers_mut().insert(header::HeaderName::from_static("marathon-deployment-id"), id);
    }
}

/// Why a request was turned down.
pub(super) fn refused(refusal: &Refusal) -> HttpResponse {
    match refusal {
        Refusal::NotFound(what) => message(StatusCode::NOT_FOUND, what),
        Refusal::Exists(what) => message(StatusCode::CONFLICT, what),
        Refusal::Locked(deployments) => {
            let ids: Vec<Value> = deployments.iter().map(|id| json!({"id": id})).collect();
            let what = "App is locked by one or more deployments. Override with the option '?force=true'. View details \
                        at '/v2/deployments/<DEPLOYMENT_ID>'.";
            json(StatusCode::CONFLICT, &json!({"message": what, "deployments": ids}))
        }
        Refusal::Invalid(problems) => {
            let body = json!({"message": "Object is not valid", "details": problems.details()});
            json(StatusCode::UNPROCESSABLE_ENTITY, &body)
        }
        Refusal::Requirement(what) => message(StatusCode::UNPROCESSABLE_ENTITY, what),
    }
}

/// Why a request led to nothing.
pub(super) enum Fault {
    /// The body is not JSON.
    Body(BodyError),
    /// JSON of the wrong type or shape.
    Misshapen(Problems),
    /// A parameter that cannot be: 400.
    Parameter(String),
    /// The scheduler turned it down.
    Refused(Refusal),
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        Fault::Refused(refusal)
    }
}

/// An answer, or what stands in its place.
pub(super) fn answer(result: Result<HttpResponse, Fault>, version: MarathonVersion) -> HttpResponse {
    match result {
        Ok(response) => response,
        Err(Fault::Body(error)) => no_json(error),
        Err(Fault::Misshapen(problems)) => misshapen(&problems, version),
        Err(Fault::Parameter(what)) => message(StatusCode::BAD_REQUEST, &what),
        Err(Fault::Refused(refusal)) => refused(&refusal),
    }
}

fn misshapen(problems: &Problems, version: MarathonVersion) -> HttpResponse {
    let status = if version.since_1_5() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::BAD_REQUEST };
    json(status, &json!({"message": "Invalid JSON", "details": problems.details()}))
}

fn no_json(error: BodyError) -> HttpResponse {
    match error {
        BodyError::OtherType => message(StatusCode::UNSUPPORTED_MEDIA_TYPE, "Unsupported Media Type"),
        BodyError::Malformed(why) => json(StatusCode::BAD_REQUEST, &json!({"message": "Invalid JSON", "details": why})),
    }
}

/// 404 for a path that nothing is at.
pub(super) async fn no_route(request: HttpRequest) -> HttpResponse {
    message(StatusCode::NOT_FOUND, &format!("URI not found: {}", request.path()))
}

/// 405
pub(super) async fn wrong_method() -> HttpResponse {
    not_allowed()
}

/// 405
pub(super) fn not_allowed() -> HttpResponse {
    message(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed")
}
