//! `/v2.0/alarm-definitions`.

use actix_web::{HttpRequest, HttpResponse};
use serde_json::{Value, json};
use uuid::Uuid;

use super::query::Parameters;
use super::{expression, reply};

const SEVERITIES: [&str; 4] = ["LOW", "MEDIUM", "HIGH", "CRITICAL"];
const ACTIONS: [&str; 3] = ["alarm_actions", "ok_actions", "undetermined_actions"];
const LONGEST: usize = 255;

/// The definitions of all tenants.
#[derive(Debug, Default)]
pub(super) struct Alarms(Vec<(String, Value)>);

impl Alarms {
    pub fn list(&self, tenant: &str, request: &HttpRequest) -> Result<HttpResponse, HttpResponse> {
        let parameters = Parameters::of(request);
        let name = parameters.get("name");
        let own = self.0.iter().filter(|(owner, _)| owner == tenant).map(|(_, definition)| definition);
        reply::page(request, &parameters, own.filter(|one| name.is_none_or(|name| one["name"] == name)))
    }

    pub fn get(&self, tenant: &str, id: &str) -> HttpResponse {
        let found = self.0.iter().find(|(owner, one)| owner == tenant && one["id"] == id);
        found.map_or_else(|| missing(id), |(_, one)| reply::with(200, one))
    }

    pub fn delete(&mut self, tenant: &str, id: &str) -> HttpResponse {
        let before = self.0.len();
        self.0.retain(|(owner, one)| owner != tenant || one["id"] != id);
        if self.0.len() == before { missing(id) } else { reply::empty(204) }
    }

    /// Takes a definition; `known` tells whether a notification method exists.
    pub fn create(&mut self, tenant: &str, url: &str, given: &Value, known: impl Fn(&str) -> bool) -> HttpResponse {
        match self.checked(tenant, url, given, known) {
            Err(refusal) => refusal,
            Ok(definition) => {
                self.0.push((tenant.to_owned(), definition.clone()));
                reply::with(201, &definition)
            }
        }
    }

    fn checked(
        &self,
        tenant: &str,
        url: &str,
        given: &Value,
        known: impl Fn(&str) -> bool,
    ) -> Result<Value, HttpResponse> {
        let wrong = |what: String| Err(reply::unprocessable(what));
        let (Some(name), Some(expression)) = (given["name"].as_str(), given["expression"].as_str()) else {
            return wrong("name and expression are required".into());
        };
        let description =
            if given["description"].is_null() { "" } else { given["description"].as_str().unwrap_or_default() };
        for (what, text) in [("name", name), ("description", description)] {
            if text.chars().count() > LONGEST {
                return wrong(format!("length of {what} must be at most {LONGEST}"));
            }
        }
        let severity = given.get("severity").map_or(Some("LOW".to_owned()), |one| one.as_str().map(str::to_uppercase));
        let Some(severity) = severity.filter(|one| SEVERITIES.contains(&one.as_str())) else {
            return wrong(format!("not a valid value for severity: {}", given["severity"]));
        };
        if let Err(problem) = expression::check(expression) {
            return Err(reply::refusal(422, "Unprocessable Entity", format!("Invalid alarm expression: {problem}")));
        }
        let Some(match_by) = texts(given, "match_by") else {
            return wrong("match_by must be a list of strings".into());
        };
        let mut definition = json!({
            "id": Uuid::new_v4().to_string(), "name": name, "description": description, "expression": expression,
            "deterministic": false, "match_by": match_by, "severity": severity, "actions_enabled": true
        });
        for action in ACTIONS {
            let Some(ids) = texts(given, action) else { return wrong(format!("{action} must be a list of strings")) };
            if let Some(unknown) = ids.iter().find(|id| !known(id)) {
                let text = format!("Non-existent notification id {unknown} submitted for {action}");
                return Err(reply::refusal(422, "InvalidUpdateException", text));
            }
            definition[action] = json!(ids);
        }
        if self.0.iter().any(|(owner, one)| owner == tenant && one["name"] == name) {
            let text = format!("An alarm definition with the name {name} already exists");
            return Err(reply::refusal(409, "AlreadyExistsException", text));
        }
        let id = definition["id"].as_str().unwrap_or_default();
        let href = format!("{url}/v2.0/alarm-definitions/{id}");
        definition["links"] = json!([{"rel": "self", "href": href}]);
        Ok(definition)
    }

    /// A notification method is gone: nobody is told by it any more.
    pub fn forget_action(&mut self, id: &str) {
        for (_, definition) in &mut self.0 {
            for action in ACTIONS {
                if let Some(ids) = definition[action].as_array_mut() {
                    ids.retain(|one| one != id);
                }
            }
        }
    }
}

fn missing(id: &str) -> HttpResponse {
    reply::refusal(404, "Not Found", format!("No alarm definition with id {id}"))
}

/// Absent is empty; null is not a list.
fn texts(given: &Value, name: &str) -> Option<Vec<String>> {
    let Some(given) = given.get(name) else { return Some(vec![]) };
    given.as_array()?.iter().map(|one| one.as_str().map(str::to_owned)).collect()
}
