//! The paths of monasca-api, and who may use which.

use actix_web::http::Method;
use actix_web::{HttpRequest, HttpResponse};
use serde_json::{Value, json};

use super::{OpenStack, Role, State, intake, reply, statistics};

/// What a path asks of its caller.
#[derive(Clone, Copy)]
enum Need {
    /// Any token of a project.
    Token,
    Send,
    Read,
    Write,
}

impl Need {
    fn met(self, role: Option<Role>) -> bool {
        match (self, role) {
            (Need::Token, _) | (_, Some(Role::User)) => true,
            (Need::Send, Some(Role::Agent)) | (Need::Read, Some(Role::ReadOnly)) => true,
            (Need::Send | Need::Read | Need::Write, _) => false,
        }
    }
}

pub(super) fn answer(shared: &OpenStack, keystone: &str, request: &HttpRequest, body: &[u8]) -> HttpResponse {
    let parts: Vec<&str> = request.path().split('/').filter(|part| !part.is_empty()).collect();
    if parts == ["healthcheck"] {
        return reply::with(200, &json!({"kafka": "OK", "alarms_database": "OK", "metrics_database": "OK"}));
    }
    let token = request.headers().get("X-Auth-Token").and_then(|token| token.to_str().ok()).unwrap_or_default();
    let now = shared.now();
    let mut state = shared.lock();
    let Some(issued) = state.tokens.check_cached(token, now) else {
        return reply::unauthenticated(&format!("{keystone}/v3"));
    };
    let account = &shared.accounts[issued.account];
    let role = account.role.filter(|_| issued.scoped);
    let caller = Caller { role, tenant: account.project_id(), now: now.micros() / 1000 };
    caller.answer(&mut state, request, body, &parts)
}

struct Caller {
    role: Option<Role>,
    tenant: String,
    /// Milliseconds.
    now: i64,
}

impl Caller {
    fn answer(&self, state: &mut State, request: &HttpRequest, body: &[u8], parts: &[&str]) -> HttpResponse {
        let url = reply::own_url(request);
        let method = request.method();
        let (need, allowed) = match parts {
            [] | ["v2.0"] => (Need::Token, "GET"),
            ["v2.0", "metrics"] if method == Method::POST => (Need::Send, "GET, POST"),
            ["v2.0", "metrics"] => (Need::Read, "GET, POST"),
            ["v2.0", "metrics", "names" | "measurements" | "statistics"] => (Need::Read, "GET"),
            ["v2.0", "alarm-definitions" | "notification-methods"] if method == Method::POST => {
                (Need::Write, "GET, POST")
            }
            ["v2.0", "alarm-definitions" | "notification-methods"] => (Need::Read, "GET, POST"),
            ["v2.0", "alarm-definitions" | "notification-methods", _] if method == Method::DELETE => {
                (Need::Write, "DELETE, GET")
            }
            ["v2.0", "alarm-definitions" | "notification-methods", _] => (Need::Read, "DELETE, GET"),
            [version] if version.starts_with('v') => {
                return reply::unprocessable(format!("unknown version {version}"));
            }
            _ => return reply::titled(404, "404 Not Found"),
        };
        if !allowed.split(", ").any(|one| one == method.as_str()) {
            return reply::not_allowed(allowed);
        }
        if !need.met(self.role) {
            return reply::forbidden();
        }
        let tenant = self.tenant.as_str();
        let done = match (method, parts) {
            (&Method::POST, ["v2.0", "metrics"]) => Ok(intake::take(&mut state.store, tenant, request, body)),
            (_, ["v2.0", "metrics"]) => statistics::list(&state.store, tenant, request),
            (_, ["v2.0", "metrics", "names"]) => statistics::names(&state.store, tenant, request),
            (_, ["v2.0", "metrics", "measurements"]) => {
                statistics::measurements(&state.store, tenant, request, self.now)
            }
            (_, ["v2.0", "metrics", _]) => statistics::statistics(&state.store, tenant, request, self.now),
            (&Method::POST, ["v2.0", resource]) => {
                document(body).map(|given| self.create(state, resource, &url, &given))
            }
            (_, ["v2.0", "alarm-definitions"]) => state.alarms.list(tenant, request),
            (_, ["v2.0", "notification-methods"]) => state.notifications.list(tenant, request),
            (&Method::DELETE, ["v2.0", "alarm-definitions", id]) => Ok(state.alarms.delete(tenant, id)),
            (&Method::DELETE, ["v2.0", _, id]) => {
                let answer = state.notifications.delete(tenant, id);
                state.alarms.forget_action(id);
                Ok(answer)
            }
            (_, ["v2.0", "alarm-definitions", id]) => Ok(state.alarms.get(tenant, id)),
            (_, ["v2.0", _, id]) => Ok(state.notifications.get(tenant, id)),
            _ => Ok(reply::with(200, &version(&url))),
        };
        done.unwrap_or_else(|refusal| refusal)
    }

    fn create(&self, state: &mut State, resource: &str, url: &str, given: &Value) -> HttpResponse {
        let tenant = self.tenant.as_str();
        match resource {
            "alarm-definitions" => {
                let notifications = &state.notifications;
                state.alarms.create(tenant, url, given, |id| notifications.has(tenant, id))
            }
            _ => state.notifications.create(tenant, url, given),
        }
    }
}

fn document(body: &[u8]) -> Result<Value, HttpResponse> {
    serde_json::from_slice(body).map_err(|_| reply::bad_request("Request body is not valid JSON"))
}

fn version(url: &str) -> Value {
    let links = [json!({"rel": "self", "href": format!("{url}/v2.0")})];
    json!({"id": "v2.0", "status": "CURRENT", "updated": "2013-03-06T00:00:00.000Z", "links": links})
}
