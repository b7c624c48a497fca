//! `POST /v2.0/metrics`.

use actix_web::http::header::CONTENT_TYPE;
use actix_web::{HttpRequest, HttpResponse};
use serde_json::Value;

use super::series::{Key, Store};
use super::{reply, validity};

/// Takes one metric or a list of them; of a list with a bad one nothing is taken.
pub(super) fn take(store: &mut Store, tenant: &str, request: &HttpRequest, body: &[u8]) -> HttpResponse {
    let kind = request.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    // The whole header is compared.
    if kind != Some("application/json") {
        return reply::bad_request("Bad content type. Must be application/json");
    }
    let Ok(document) = serde_json::from_slice::<Value>(body) else {
        return reply::bad_request("Request body is not valid JSON");
    };
    let alone = [document];
    let items = match &alone[0] {
        Value::Array(items) => items.as_slice(),
        _ => &alone,
    };
    let metrics: Result<Vec<_>, String> = items.iter().map(|item| metric(tenant, item)).collect();
    match metrics {
        Err(problem) => reply::unprocessable(problem),
        Ok(metrics) => {
            for (key, at, value) in metrics {
                store.put(key, at, value);
            }
            reply::empty(204)
        }
    }
}

fn metric(tenant: &str, item: &Value) -> Result<(Key, i64, f64), String> {
    let Value::Object(members) = item else { return Err("a metric must be an object".into()) };
    let name = members.get("name").and_then(Value::as_str).ok_or("name is missing")?;
    validity::name(name)?;
    let dimensions = validity::dimensions(members.get("dimensions"))?;
    let at = validity::timestamp(members.get("timestamp"))?;
    let value = validity::value(members.get("value"))?;
    validity::value_meta(members.get("value_meta"))?;
    Ok((Key { tenant: tenant.to_owned(), name: name.to_owned(), dimensions }, at, value))
}
