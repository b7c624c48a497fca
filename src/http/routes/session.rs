//! `/api/v1/session`: a browser exchanges the operator token for a cookie.

use actix_web::web::{Data, Json};
use actix_web::{HttpRequest, HttpResponse};

use crate::actors::Supervisor;
use crate::api::session::{LoginRequest, SessionView};
use crate::api::view::Instant;
use crate::http::auth::{AuthError, AuthMode, Caller, Gate, PublicAccess, cookie, is_foreign};
use crate::http::extract::JsonBody;
use crate::http::problem::Problem;

/// Whether this browser is logged in
#[utoipa::path(get, path = "/api/v1/session", tag = "session", security(()),
    responses((status = 200, description = "Who asks, and until when", body = SessionView)))]
pub async fn session(
    caller: PublicAccess,
    request: HttpRequest,
    gate: Data<Gate>,
    supervisor: Data<Supervisor>,
) -> Json<SessionView> {
    Json(SessionView {
        operator: caller.0 == Caller::Operator,
        login_required: gate.mode() != AuthMode::Off,
        ends_at: gate.session(&request).map(Instant::from),
        seq: (caller.0 == Caller::Operator).then(|| supervisor.log().stats().head.seq.0),
        now: supervisor.clock().now().into(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    })
}

/// Log in: exchange the operator token for a cookie
///
/// The cookie is `HttpOnly` and `SameSite=Strict`, over TLS `Secure`, and ends after 12 hours.
#[utoipa::path(post, path = "/api/v1/session", tag = "session", security(()), request_body = LoginRequest, responses(
    (status = 200, description = "The cookie comes with this answer", body = SessionView),
    crate::http::openapi::BodyRefused,
))]
pub async fn log_in(
    request: HttpRequest,
    gate: Data<Gate>,
    supervisor: Data<Supervisor>,
    body: JsonBody<LoginRequest>,
) -> Result<HttpResponse, Problem> {
    // No page of another site logs anybody in.
    if is_foreign(&request) {
        return Err(AuthError::ForeignOrigin.into());
    }
    let (secret, ends_at) = gate
        .log_in(body.0.token.trim())
        .map_err(|_| Problem::unauthorized("this is not the operator token of this supervisor", true))?;
    let view = SessionView {
        operator: true,
        login_required: gate.mode() != AuthMode::Off,
        ends_at: Some(ends_at.into()),
        seq: Some(supervisor.log().stats().head.seq.0),
        now: supervisor.clock().now().into(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    };
    Ok(HttpResponse::Ok().cookie(cookie(gate.cookie_name(), secret, over_tls(&request, &gate))).json(view))
}

/// Log out: end the session, here and in the browser
///
/// Streams of events that it has opened are closed.
#[utoipa::path(delete, path = "/api/v1/session", tag = "session", security(()), responses(
    (status = 204, description = "There is no such session any more"),
    (status = 403, response = crate::http::openapi::Forbidden),
))]
pub async fn log_out(request: HttpRequest, gate: Data<Gate>) -> Result<HttpResponse, Problem> {
    if is_foreign(&request) {
        return Err(AuthError::ForeignOrigin.into());
    }
    if let Some(sent) = request.cookie(&gate.cookie_name()) {
        gate.log_out(sent.value());
    }
    Ok(HttpResponse::NoContent().cookie(cookie(gate.cookie_name(), String::new(), over_tls(&request, &gate))).finish())
}

/// Whether the browser has come over TLS: then the cookie never goes without. TLS may be ended here, or by a proxy. The browser itself says so
/// by the `Origin` of what it sends; a proxy's word counts where it is configured, as anybody else could say the same.
fn over_tls(request: &HttpRequest, gate: &Gate) -> bool {
    let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
    let forwarded = || header("x-forwarded-proto").and_then(|schemes| schemes.split(',').next());
    request.app_config().secure()
        || header("origin").is_some_and(|origin| origin.starts_with("https://"))
        || (gate.trusts_forwarded_proto()
            && forwarded().is_some_and(|scheme| scheme.trim().eq_ignore_ascii_case("https")))
}
