//! `/openapi.json`: the interface, described by the handlers and the types themselves.

use actix_web::HttpResponse;
use actix_web::http::header::CACHE_CONTROL;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{IntoResponses, Modify, OpenApi, ToResponse};

use super::auth::Gate;
use super::problem::Problem;
use super::routes::{
    agent, documents, health, jobs, metrics, reasons, register, reports, session, stream, summary, what_if,
};
use crate::api::event::Event;
use crate::api::problem::ProblemView;

/// Declares the error answers that several routes give.
macro_rules! problems {
    ($($name:ident = $description:literal;)+) => {
        $(#[doc = $description]
        #[derive(ToResponse)]
        #[response(description = $description, content_type = "application/problem+json")]
        #[expect(dead_code, reason = "it only describes")]
        pub struct $name(ProblemView);)+
    };
}

problems! {
    Unauthorized = "No token, or none that opens this route";
    Forbidden = "The request comes from a page of another site";
    NotFound = "There is no such job";
    Conflict = "The job's state forbids it, or the name or uuid is taken";
    TooSlow = "The body did not come in time";
    TooLarge = "The body is larger than 64 KiB";
    WrongType = "The body is not called JSON";
    Invalid = "A field cannot be accepted: `field` names it, `detail` says what would be right";
    Overloaded = "Too much at once, or the event log cannot be written: try again after `Retry-After` seconds";
}

/// Declares which of them several routes give.
macro_rules! refusals {
    ($($(#[$about:meta])+ $name:ident: $($response:ident = $status:literal),+;)+) => {
        $($(#[$about])+
        #[derive(IntoResponses)]
        pub enum $name {
            $(#[doc = stringify!($response)]
            #[response(status = $status)]
            $response(#[ref_response] $response),)+
        })+
    };
}

refusals! {
    /// Of a route that takes a body.
    BodyRefused: Unauthorized = 401, Forbidden = 403, TooSlow = 408, TooLarge = 413, WrongType = 415, Invalid = 422;
    /// Of a route that takes a body about a job, and records it.
    ReportRefused: Unauthorized = 401, Forbidden = 403, NotFound = 404, TooSlow = 408, Conflict = 409, TooLarge = 413, WrongType = 415,
        Invalid = 422, Overloaded = 503;
    /// Of a route that lists something of a job.
    ReadRefused: Unauthorized = 401, NotFound = 404, Invalid = 422, Overloaded = 503;
}

/// The whole interface.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "mesos-qos",
        description = "The supervisor's interface. Instants are RFC 3339 in UTC and durations are seconds, unless a field says otherwise; \
            in the data of events they are microseconds, and CPUs are thousandths of one. Every error is `application/problem+json`. Where \
            authentication is off, a request for a name that is none of the supervisor's is answered with 421.",
    ),
    paths(
        documents::front_page, documents::openapi, health::alive, health::ready, metrics::scrape,
        session::session, session::log_in, session::log_out,
        summary::summary, jobs::list, jobs::one, jobs::cancel, jobs::events, jobs::decisions, jobs::withdraw,
        reasons::weighed, reasons::round, stream::watch,
        register::register, register::admission, reports::start, reports::finish,
        agent::marathon_start, agent::marathon_end, agent::cpu_report, what_if::what_if, what_if::replay,
    ),
    components(
        schemas(Event, ProblemView),
        responses(Unauthorized, Forbidden, NotFound, Conflict, TooSlow, TooLarge, WrongType, Invalid, Overloaded),
    ),
    modifiers(&Tokens),
    security(("operator" = [])),
    tags(
        (name = "jobs", description = "What operators read and end"),
        (name = "events", description = "What has happened, and why"),
        (name = "launcher", description = "How a job introduces itself"),
        (name = "reports", description = "What a job's own container tells; the job's token is enough"),
        (name = "session", description = "How a browser logs in"),
        (name = "supervisor", description = "How the supervisor does"),
    ),
)]
struct Interface;

/// The tokens that routes ask for.
struct Tokens;

impl Modify for Tokens {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let components = openapi.components.get_or_insert_default();
        let bearer = |about: &str| {
            let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some(about)).build();
            SecurityScheme::Http(scheme)
        };
        for (name, about) in [
            ("operator", "`operator.token` in the supervisor's data directory"),
            ("job", "The token that the job's registration was answered with"),
            ("scrape", "The token in `auth.scrape_token_file`"),
        ] {
            components.add_security_scheme(name, bearer(about));
        }
    }
}

/// The interface, as `/openapi.json` gives it. `gate` knows the name of the cookie.
pub fn interface(gate: Option<&Gate>) -> utoipa::openapi::OpenApi {
    let mut interface = Interface::openapi();
    if let Some(gate) = gate {
        let about = "The cookie of a browser's session: see `POST /api/v1/session`";
        let cookie = ApiKey::Cookie(ApiKeyValue::with_description(gate.cookie_name(), about.to_owned()));
        interface.components.get_or_insert_default().add_security_scheme("session", SecurityScheme::ApiKey(cookie));
    }
    interface
}

/// The document as an answer.
pub(super) fn answer(gate: &Gate) -> Result<HttpResponse, Problem> {
    let document = interface(Some(gate)).to_json().map_err(Problem::internal)?;
    let headers = (CACHE_CONTROL, "no-cache");
    Ok(HttpResponse::Ok().content_type("application/json").insert_header(headers).body(document))
}
