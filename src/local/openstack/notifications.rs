//! `/v2.0/notification-methods`.

use actix_web::{HttpRequest, HttpResponse};
use reqwest::Url;
use serde_json::{Value, json};
use uuid::Uuid;

use super::query::Parameters;
use super::reply;

const TYPES: [&str; 3] = ["EMAIL", "WEBHOOK", "PAGERDUTY"];

/// `valid_notification_periods` and never.
const PERIODS: [i64; 2] = [0, 60];

/// The methods of all tenants.
#[derive(Debug, Default)]
pub(super) struct Notifications(Vec<(String, Value)>);

impl Notifications {
    pub fn list(&self, tenant: &str, request: &HttpRequest) -> Result<HttpResponse, HttpResponse> {
        let own = self.0.iter().filter(|(owner, _)| owner == tenant).map(|(_, method)| method);
        reply::page(request, &Parameters::of(request), own)
    }

    pub fn get(&self, tenant: &str, id: &str) -> HttpResponse {
        let found = self.0.iter().find(|(owner, one)| owner == tenant && one["id"] == id);
        found.map_or_else(|| missing(id), |(_, one)| reply::with(200, one))
    }

    pub fn has(&self, tenant: &str, id: &str) -> bool {
        self.0.iter().any(|(owner, one)| owner == tenant && one["id"] == id)
    }

    pub fn delete(&mut self, tenant: &str, id: &str) -> HttpResponse {
        if !self.has(tenant, id) {
            return missing(id);
        }
        self.0.retain(|(owner, one)| owner != tenant || one["id"] != id);
        reply::empty(204)
    }

    pub fn create(&mut self, tenant: &str, url: &str, given: &Value) -> HttpResponse {
        let wrong = |what: String| reply::bad_request(what);
        let (Some(name), Some(kind), Some(address)) =
            (given["name"].as_str(), given["type"].as_str(), given["address"].as_str())
        else {
            return wrong("required key not provided: name, type and address are".into());
        };
        let kind = kind.to_uppercase();
        let period = if given["period"].is_null() { Some(0) } else { given["period"].as_i64() };
        let Some(period) = period.filter(|period| PERIODS.contains(period)) else {
            return wrong(format!("{} is not in the configured list of valid periods", given["period"]));
        };
        match kind.as_str() {
            "EMAIL" if !address.split_once('@').is_some_and(|(user, host)| !user.is_empty() && host.contains('.')) => {
                return wrong(format!("Address {address} is not of correct format"));
            }
            "WEBHOOK" if !Url::parse(address).is_ok_and(|url| matches!(url.scheme(), "http" | "https")) => {
                return wrong(format!("Address {address} is not in [http, https]"));
            }
            "EMAIL" | "WEBHOOK" | "PAGERDUTY" => {}
            _ => return wrong(format!("{kind} is not a valid notification type: {TYPES:?}")),
        }
        if kind != "WEBHOOK" && period != 0 {
            return wrong("Period can only be set with webhooks".into());
        }
        if self.0.iter().any(|(owner, one)| owner == tenant && one["name"] == name) {
            let text = format!("A notification method with the name {name} already exists");
            return reply::refusal(409, "AlreadyExistsException", text);
        }
        let id = Uuid::new_v4().to_string();
        // The id stands twice in the address; so it does upstream.
        let links = [json!({"rel": "self", "href": format!("{url}/v2.0/notification-methods/{id}/{id}")})];
        let method =
            json!({"id": id, "name": name, "type": kind, "address": address, "period": period, "links": links});
        self.0.push((tenant.to_owned(), method.clone()));
        reply::with(201, &method)
    }
}

fn missing(id: &str) -> HttpResponse {
    reply::refusal(404, "Not Found", format!("No notification method with id {id}"))
}
