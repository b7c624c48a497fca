//! What an answer of Marathon means.

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::error::MarathonError;
use crate::clients::error_text::{error_message, first_line};
use crate::clients::exchange::Reply;

/// A body that came with a 2xx status.
#[derive(Debug)]
pub struct Answer(Reply);

impl Answer {
    /// The HTTP status.
    pub fn status(&self) -> u16 {
        self.0.status
    }

    /// The error of an answer that is not what was expected.
    pub fn bad(&self, reason: impl Into<String>) -> MarathonError {
        MarathonError::BadAnswer { call: self.0.call.clone(), reason: reason.into() }
    }

    /// The body as the document that belongs to the call.
    pub fn document<T: DeserializeOwned>(&self) -> Result<T, MarathonError> {
        let mut json = serde_json::Deserializer::from_slice(&self.0.body);
        serde_path_to_error::deserialize(&mut json).map_err(|error| match error.path().iter().next() {
            Some(_) => self.bad(format!("{}: {}", error.path(), error.inner())),
            None => self.bad(error.inner().to_string()),
        })
    }
}

/// Tells an answer from an error.
pub fn judge(reply: Reply) -> Result<Answer, MarathonError> {
    if reply.is_success() {
        return Ok(Answer(reply));
    }
    let document = reply.json().unwrap_or(Value::Null);
    let Reply { call, status, body } = reply;
    let message = error_message(&body);
    Err(match status {
        400 | 422 => MarathonError::Invalid { call, status, message: with_details(message, &document) },
        401 => MarathonError::Unauthorized { call },
        403 => MarathonError::Forbidden { call, message },
        // A router that does not know the path answers 404 as well.
        404 if message.contains("does not exist") => MarathonError::NotFound { call, message },
        409 => match deployments(&document) {
            Some(deployments) => MarathonError::Locked { call, deployments },
            None => MarathonError::AlreadyExists { call, message },
        },
        502..=504 => MarathonError::NoLeader { call, status, message },
        _ => MarathonError::Status { call, status, message },
    })
}

/// The ids of a 409 that names deployments; a 409 of an id that is taken names none.
fn deployments(document: &Value) -> Option<Vec<String>> {
    let list = document.get("deployments")?.as_array()?;
    Some(list.iter().filter_map(|one| one.get("id").and_then(Value::as_str)).map(str::to_owned).collect())
}

/// Appends `details`, a text or a list of `{"path", "errors"}`; those say which field is meant, `message` does not.
fn with_details(message: String, document: &Value) -> String {
    let details: Vec<String> = match document.get("details") {
        Some(Value::String(text)) => vec![first_line(text)],
        Some(Value::Array(items)) => items.iter().map(detail).collect(),
        _ => Vec::new(),
    };
    match (message.is_empty(), details.is_empty()) {
        (true, true) => "without a reason".into(),
        (_, true) => message,
        _ => format!("{message}: {}", details.join("; ")),
    }
}

fn detail(item: &Value) -> String {
    let path = item.get("path").and_then(Value::as_str).unwrap_or("/");
    let errors = item.get("errors").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let errors: Vec<String> = errors.iter().filter_map(Value::as_str).map(first_line).collect();
    format!("{path} {}", errors.join(", "))
}
