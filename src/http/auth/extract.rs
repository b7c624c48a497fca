//! The gate in front of handlers, as actix extractors.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::header::{AUTHORIZATION, ORIGIN};
use actix_web::web::Data;
use actix_web::{FromRequest, HttpRequest};
use futures_util::future::LocalBoxFuture;
use serde::de::DeserializeOwned;

use crate::api::register::RegisterRequest;
use crate::api::report::{FinishReport, StartReport};
use crate::http::extract::read_json;
use crate::http::problem::Problem;
use crate::qos::ids::JobId;
use crate::qos::units::Timestamp;

use super::{Access, AuthError, AuthMode, Caller, Gate, HeldSession};

impl Gate {
    /// As [`Gate::authorise`], with the token of `request`. For routes whose path names the job.
    ///
    /// # Errors
    /// 401.
    pub fn check(&self, request: &HttpRequest, access: Access) -> Result<Caller, Problem> {
        let token = bearer(request);
        // A token is put into a header by whoever knows it. All else a browser does by itself, for the page of any site.
        if token.is_none() && !request.method().is_safe() && is_foreign(request) {
            return Err(AuthError::ForeignOrigin.into());
        }
        if token.is_none() && self.session(request).is_some() {
            return if request.method().is_safe() || is_own(request) {
                Ok(Caller::Operator)
            } else {
                Err(AuthError::ForeignOrigin.into())
            };
        }
        Ok(self.authorise(access, token)?)
    }

    /// When the session ends whose cookie came with `request`; none without one.
    pub fn session(&self, request: &HttpRequest) -> Option<Timestamp> {
        self.session_ends_at(request.cookie(&self.cookie_name())?.value())
    }

    /// The session that opened what `request` asks for; none where a token did, or nobody needs one.
    pub fn held_session(&self, request: &HttpRequest) -> Option<HeldSession> {
        if bearer(request).is_some() || self.mode() == AuthMode::Off {
            return None;
        }
        self.hold_session(request.cookie(&self.cookie_name())?.value())
    }
}

/// The browser says that the page which asks is another site's.
pub fn is_foreign(request: &HttpRequest) -> bool {
    match request.headers().get(ORIGIN) {
        Some(origin) => !is_this_address(request, origin.to_str().unwrap_or_default()),
        None => header(request, "sec-fetch-site").is_some_and(|site| site != "same-origin" && site != "none"),
    }
}

/// The browser says that the page which asks is ours.
fn is_own(request: &HttpRequest) -> bool {
    match request.headers().get(ORIGIN) {
        Some(origin) => is_this_address(request, origin.to_str().unwrap_or_default()),
        None => header(request, "sec-fetch-site") == Some("same-origin"),
    }
}

/// The scheme is not compared: a proxy may have ended TLS. It must hand on the `Host` that it was asked for.
fn is_this_address(request: &HttpRequest, origin: &str) -> bool {
    let (Some((_, authority)), Some(host)) = (origin.split_once("://"), header(request, "host")) else { return false };
    authority.eq_ignore_ascii_case(host)
}

fn header<'a>(request: &'a HttpRequest, name: &str) -> Option<&'a str> {
    request.headers().get(name)?.to_str().ok()
}

/// The bearer token of `request`; the scheme's case does not matter. A header that is anything else counts as a wrong
/// token, not as none.
fn bearer(request: &HttpRequest) -> Option<&str> {
    let header = request.headers().get(AUTHORIZATION)?;
    let token = header.to_str().ok().and_then(|text| {
        let (scheme, token) = text.trim().split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    });
    Some(token.unwrap_or_default())
}

fn gate(request: &HttpRequest) -> Result<&Gate, Problem> {
    // A server without a gate is a mistake in its assembly; nobody gets in.
    request
        .app_data::<Data<Gate>>()
        .map(|gate| gate.get_ref())
        .ok_or_else(|| Problem::internal("no gate among the server's data"))
}

/// A body that names the job whose token opens the route.
pub trait AboutJob {
    /// What the route asks for when the body names `job`.
    fn access(job: JobId) -> Access;
    /// The job that the body names.
    fn job(&self) -> JobId;
}

impl AboutJob for RegisterRequest {
    fn access(_: JobId) -> Access {
        Access::Register
    }
    fn job(&self) -> JobId {
        self.uuid
    }
}

impl AboutJob for StartReport {
    fn access(job: JobId) -> Access {
        Access::Job(job)
    }
    fn job(&self) -> JobId {
        self.uuid
    }
}

impl AboutJob for FinishReport {
    fn access(job: JobId) -> Access {
        Access::Report(job)
    }
    fn job(&self) -> JobId {
        self.uuid
    }
}

/// A body whose sender was allowed to send it.
///
/// Without a token on a route that asks for one, the body is not even read. With one it must be read first, as it names
/// the job; a body that cannot be read is then told so whoever sent it.
#[derive(Debug, Clone, PartialEq)]
pub struct Checked<T> {
    /// The body.
    pub body: T,
    /// Who sent it.
    pub caller: Caller,
}

impl<T: AboutJob + DeserializeOwned + 'static> FromRequest for Checked<T> {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, payload) = (request.clone(), payload.take());
        Box::pin(async move {
            let gate = gate(&request)?;
            let any_job = T::access(JobId::from_bytes([0; 16]));
            if bearer(&request).is_none() && gate.session(&request).is_none() && !gate.is_open(any_job) {
                return Err(AuthError::Missing.into());
            }
            let body: T = read_json(&request, payload).await?;
            let caller = gate.check(&request, T::access(body.job()))?;
            Ok(Checked { body, caller })
        })
    }
}

/// Declares an extractor for a route whose access does not depend on the request.
macro_rules! fixed_access {
    ($(#[$about:meta])* $name:ident = $access:expr) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub struct $name(pub Caller);

        impl FromRequest for $name {
            type Error = Problem;
            type Future = Ready<Result<Self, Problem>>;

            fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
                ready(gate(request).and_then(|gate| gate.check(request, $access)).map($name))
            }
        }
    };
}

fixed_access! {
    /// The request comes from an operator. Must stand before the body among a handler's arguments, so that a body is not
    /// read for nothing.
    OperatorAccess = Access::Operator
}
fixed_access! {
    /// The request comes from a metrics scraper or an operator.
    ScrapeAccess = Access::Scrape
}
fixed_access! {
    /// The request may come from anyone; says whether it is an operator.
    PublicAccess = Access::Public
}
