//! `/v3/auth/tokens`.

use actix_web::http::Method;
use actix_web::http::header::{CONTENT_TYPE, HeaderValue, LOCATION};
use actix_web::{HttpRequest, HttpResponse};
use chrono::{DateTime, SecondsFormat};
use serde_json::{Value, json};

use super::tokens::{Bad, Issued};
use super::{Account, OpenStack, reply};
use crate::qos::units::Timestamp;

/// `max_request_body_size`, in bytes.
const LARGEST_BODY: usize = 114_688;

const TOKENS: &str = "/v3/auth/tokens";

pub(super) fn answer(shared: &OpenStack, request: &HttpRequest, body: &[u8]) -> HttpResponse {
    let path = request.path();
    if let Some(clean) = tidied(path) {
        return match clean.as_str() {
            "/v3" | TOKENS => {
                let to = format!("{}{clean}", reply::own_url(request));
                html(308).insert_header((LOCATION, to)).body("<!doctype html>\n<title>Redirecting...</title>\n")
            }
            _ => not_found(),
        };
    }
    let url = reply::own_url(request);
    match (request.method(), path.strip_suffix('/').unwrap_or(path)) {
        (&Method::GET, "") => {
            let versions = json!({"versions": {"values": [version(&url)]}});
            let mut response = reply::with(300, &versions);
            if let Ok(location) = HeaderValue::from_str(&format!("{url}/v3/")) {
                response.headers_mut().insert(LOCATION, location);
            }
            response
        }
        (&Method::GET, "/v3") => reply::with(200, &json!({"version": version(&url)})),
        (&Method::POST, TOKENS) => log_in(shared, request, body, &url),
        (&Method::GET | &Method::HEAD, TOKENS) => about_another(shared, request, &url, false),
        (&Method::DELETE, TOKENS) => about_another(shared, request, &url, true),
        (_, TOKENS) => reply::not_allowed("GET, POST, HEAD, DELETE"),
        _ => not_found(),
    }
}

/// The path without double slashes, when it had some.
fn tidied(path: &str) -> Option<String> {
    if !path.contains("//") {
        return None;
    }
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    Some(format!("/{}", parts.join("/")))
}

fn html(status: u16) -> actix_web::HttpResponseBuilder {
    let status = actix_web::http::StatusCode::from_u16(status).unwrap_or_default();
    let mut response = HttpResponse::build(status);
    response.content_type("text/html; charset=utf-8");
    response
}

fn not_found() -> HttpResponse {
    html(404).body("<!doctype html>\n<html lang=en>\n<title>404 Not Found</title>\n<h1>Not Found</h1>\n")
}

fn version(url: &str) -> Value {
    json!({
        "id": "v3.14", "status": "stable", "updated": "2020-04-07T00:00:00Z",
        "links": [{"rel": "self", "href": format!("{url}/v3/")}],
        "media-types": [{"base": "application/json", "type": "application/vnd.openstack.identity-v3+json"}]
    })
}

fn log_in(shared: &OpenStack, request: &HttpRequest, body: &[u8], url: &str) -> HttpResponse {
    if body.len() > LARGEST_BODY {
        return HttpResponse::PayloadTooLarge().content_type("text/plain; charset=utf-8").body("Request is too large.");
    }
    let bad = |message: &str| reply::keystone(400, "Bad Request", message);
    let kind = request.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    if kind.is_some_and(|kind| kind.split(';').next().unwrap_or_default().trim() != "application/json") {
        return bad(
            "Expecting to find application/json in Content-Type header. The server could not comply with the request \
                    since it is either malformed or otherwise incorrect. The client is assumed to be in error.",
        );
    }
    let Ok(document) = serde_json::from_slice::<Value>(body) else {
        return bad("Expecting to find valid JSON in request body.");
    };
    let identity = &document["auth"]["identity"];
    let Some(methods) = identity["methods"].as_array() else {
        return bad(
            "'identity' is a required property, with 'methods' in it: {'auth': {'identity': {'methods': [..]}}}",
        );
    };
    let now = shared.now();
    let mut state = shared.lock();
    let found = match methods.iter().map(|method| method.as_str().unwrap_or_default()).collect::<Vec<_>>().as_slice() {
        ["password"] => {
            let user = &identity["password"]["user"];
            let (Some(name), Some(password)) = (user["name"].as_str(), user["password"].as_str()) else {
                return bad("'name' and 'password' are required properties of 'user'");
            };
            let in_domain = is_default(&user["domain"]);
            let known = shared.accounts.iter().position(|account| in_domain && account.accepts(name, password));
            known.map(|account| (account, vec!["password"], None))
        }
        ["token"] => {
            let held = state.tokens.check(identity["token"]["id"].as_str().unwrap_or_default(), now).ok();
            held.map(|held| (held.account, vec!["token", "password"], Some(held.expires_at)))
        }
        _ => None,
    };
    let Some((account, methods, until)) = found else { return reply::unauthenticated(&format!("{url}/v3")) };
    let wanted = &document["auth"]["scope"]["project"];
    let scoped = !wanted.is_null();
    let holder = &shared.accounts[account];
    let may = holder.role.is_some() && is_this_project(wanted, holder);
    if scoped && !may {
        return reply::unauthenticated(&format!("{url}/v3"));
    }
    let (token, issued) = state.tokens.issue(account, scoped, methods, now, shared.lifetime, until);
    let mut response = reply::with(201, &document_of(&issued, holder, request.query_string() != "nocatalog", url));
    subject(&mut response, &token);
    response
}

fn is_default(domain: &Value) -> bool {
    domain["id"] == "default" || domain["name"].as_str().is_some_and(|name| name.eq_ignore_ascii_case("default"))
}

fn is_this_project(wanted: &Value, account: &Account) -> bool {
    wanted["id"].as_str() == Some(&account.project_id())
        || (wanted["name"].as_str() == Some(&account.project) && is_default(&wanted["domain"]))
}

fn subject(response: &mut HttpResponse, token: &str) {
    if let Ok(token) = HeaderValue::from_str(token) {
        response.headers_mut().insert(actix_web::http::header::HeaderName::from_static("x-subject-token"), token);
    }
}

/// Six digits, which are always zero.
fn instant(at: Timestamp) -> String {
    DateTime::from_timestamp_micros(at.micros()).unwrap_or_default().to_rfc3339_opts(SecondsFormat::Micros, true)
}

fn document_of(issued: &Issued, account: &Account, catalog: bool, url: &str) -> Value {
    let domain = json!({"id": "default", "name": "Default"});
    let mut token = json!({
        "methods": issued.methods,
        "user": {"id": account.user_id(), "name": account.username, "domain": domain, "password_expires_at": null},
        "audit_ids": ["local"], "expires_at": instant(issued.expires_at), "issued_at": instant(issued.issued_at)
    });
    if issued.scoped {
        let role = account.role.map(super::Role::name).unwrap_or_default();
        token["project"] = json!({"id": account.project_id(), "name": account.project, "domain": domain});
        token["is_domain"] = json!(false);
        token["roles"] = json!([{"id": role, "name": role}]);
        if catalog {
            let endpoint =
                json!({"id": "keystone", "interface": "public", "region": "local", "region_id": "local", "url": url});
            token["catalog"] =
                json!([{"id": "keystone", "type": "identity", "name": "keystone", "endpoints": [endpoint]}]);
        }
    }
    json!({"token": token})
}

/// Looks at, or takes back, the token in X-Subject-Token.
fn about_another(shared: &OpenStack, request: &HttpRequest, url: &str, revoke: bool) -> HttpResponse {
    let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let now = shared.now();
    let mut state = shared.lock();
    if state.tokens.check(header("X-Auth-Token"), now).is_err() {
        return reply::unauthenticated(&format!("{url}/v3"));
    }
    let subject_token = header("X-Subject-Token");
    let issued = match state.tokens.check(subject_token, now) {
        Ok(issued) => issued.clone(),
        Err(Bad::Over) => return reply::keystone(404, "Not Found", "Failed to validate token"),
        Err(Bad::Unknown) => return reply::keystone(404, "Not Found", "Could not recognize Fernet token"),
    };
    if revoke {
        state.tokens.revoke(subject_token);
        return reply::empty(204);
    }
    let account = &shared.accounts[issued.account];
    let mut response = reply::with(200, &document_of(&issued, account, request.query_string() != "nocatalog", url));
    subject(&mut response, subject_token);
    response
}
