//! One request to one master, and what its answer means.

use reqwest::{Client, Method, Url};
use secrecy::ExposeSecret;
use serde_json::Value;

use super::error::ChronosError;
use super::message::{error_message, says_not_found};
use crate::clients::transport::{BodyError, innermost, read_body};
use crate::credentials::FrameworkCredentials;

/// A list of many thousand jobs fits; a runaway answer does not exhaust the memory.
const BODY_LIMIT: usize = 64 * 1024 * 1024;

/// A request before it is known which master gets it.
#[derive(Debug, Clone)]
pub struct Call<'a> {
    /// GET reads; anything else writes.
    pub method: Method,
    /// The path, each part to be percent-encoded.
    pub path: Vec<&'a str>,
    /// The query, to be encoded.
    pub query: Vec<(&'a str, &'a str)>,
    /// The JSON body.
    pub body: Option<&'a Value>,
}

impl<'a> Call<'a> {
    /// A request without query and body.
    pub fn new(method: Method, path: &[&'a str]) -> Self {
        Call { method, path: path.to_vec(), query: Vec::new(), body: None }
    }

    /// Whether it changes nothing, so that another master may be asked after any failure.
    pub fn is_read(&self) -> bool {
        self.method == Method::GET
    }

    fn url(&self, master: &Url) -> Result<Url, ChronosError> {
        let mut url = master.clone();
        // The URL library leaves these out of a path, and the request would hit another resource.
        if self.path.iter().any(|part| matches!(*part, "" | "." | "..")) {
            return Err(ChronosError::Configuration("the empty name, \".\" and \"..\" cannot stand in a URL".into()));
        }
        url.path_segments_mut()
            .map_err(|()| ChronosError::Configuration(format!("{master} cannot be the base of a path")))?
            .pop_if_empty()
            .extend(&self.path);
        if !self.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&self.query);
        }
        Ok(url)
    }
}

/// A body that came with a 2xx status.
#[derive(Debug)]
pub struct Answer {
    /// Method and URL, for messages.
    pub call: String,
    /// The whole body.
    pub body: Vec<u8>,
}

impl Answer {
    /// The error of an answer that is not what was expected.
    pub fn bad(&self, reason: impl Into<String>) -> ChronosError {
        ChronosError::BadAnswer { call: self.call.clone(), reason: reason.into() }
    }

    /// The body as JSON.
    pub fn json(&self) -> Result<Value, ChronosError> {
        serde_json::from_slice(&self.body).map_err(|error| self.bad(format!("not JSON: {error}")))
    }
}

/// Sends `call` to `master` once.
pub async fn send(
    http: &Client,
    credentials: &FrameworkCredentials,
    master: &Url,
    call: &Call<'_>,
) -> Result<Answer, ChronosError> {
    let url = call.url(master)?;
    let name = format!("{} {url}", call.method);
    let mut request = http.request(call.method.clone(), url);
    if !credentials.user.is_empty() {
        request = request.basic_auth(&credentials.user, Some(credentials.password.expose_secret()));
    }
    if let Some(body) = call.body {
        request = request.json(body);
    }
    let response = request.send().await.map_err(|error| transport_error(&name, error))?;
    let status = response.status();
    let body = match read_body(response, BODY_LIMIT).await {
        Ok(body) => body,
        // The status is known already and says enough.
        Err(_) if !status.is_success() => Vec::new(),
        Err(BodyError::TooLarge) => {
            let reason = format!("more than {} MiB", BODY_LIMIT / (1024 * 1024));
            return Err(ChronosError::BadAnswer { call: name, reason });
        }
        Err(BodyError::Transport(error)) => return Err(transport_error(&name, error)),
    };
    if status.is_success() {
        return Ok(Answer { call: name, body });
    }
    Err(status_error(name, status.as_u16(), &body))
}

fn transport_error(call: &str, error: reqwest::Error) -> ChronosError {
    let call = call.to_owned();
    let error = error.without_url();
    if error.is_builder() {
        ChronosError::Configuration(format!("{call}: {}", innermost(&error)))
    } else if error.is_connect() {
        ChronosError::Refused { call, reason: innermost(&error) }
    } else if error.is_timeout() {
        ChronosError::Timeout { call }
    } else {
        ChronosError::Interrupted { call, reason: innermost(&error) }
    }
}

fn status_error(call: String, status: u16, body: &[u8]) -> ChronosError {
    let message = error_message(body);
    match status {
        401 => ChronosError::Unauthorized { call },
        400 | 404 | 500 if says_not_found(&message) => ChronosError::NotFound { call, message },
        _ => ChronosError::Status { call, status, message },
    }
}
