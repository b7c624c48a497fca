//! One request to one master of a framework, up to the whole answer and its status.

use reqwest::header::ACCEPT;
use reqwest::{Client, Method, Url};
use secrecy::ExposeSecret;
use serde_json::Value;

use super::transport::{BodyError, TransportError, innermost, read_body};
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
    /// The media types that are wanted; absent means any.
    pub accept: Option<&'static str>,
    /// The JSON body.
    pub body: Option<&'a Value>,
}

impl<'a> Call<'a> {
    /// A request without query and body.
    pub fn new(method: Method, path: &[&'a str]) -> Self {
        Call { method, path: path.to_vec(), query: Vec::new(), accept: None, body: None }
    }

    /// Whether it changes nothing, so that another master may be asked after any failure.
    pub fn is_read(&self) -> bool {
        self.method == Method::GET
    }

    fn url(&self, master: &Url) -> Result<Url, ExchangeError> {
        let mut url = master.clone();
        // The URL library leaves these out of a path, and the request would hit another resource.
        if self.path.iter().any(|part| matches!(*part, "" | "." | "..")) {
            return Err(ExchangeError::Configuration("the empty name, \".\" and \"..\" cannot stand in a URL".into()));
        }
        url.path_segments_mut()
            .map_err(|()| ExchangeError::Configuration(format!("{master} cannot be the base of a path")))?
            .pop_if_empty()
            .extend(&self.path);
        if !self.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&self.query);
        }
        Ok(url)
    }
}

/// An answer, whatever its status.
#[derive(Debug)]
pub struct Reply {
    /// Method and URL, for messages.
    pub call: String,
    /// The HTTP status.
    pub status: u16,
    /// The whole body; empty when that of an error could not be read.
    pub body: Vec<u8>,
}

impl Reply {
    /// Whether the status is one of success.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The body as JSON, or a sentence why it is none.
    pub fn json(&self) -> Result<Value, String> {
        serde_json::from_slice(&self.body).map_err(|error| format!("not JSON: {error}"))
    }
}

/// A request without an answer. No variant holds a credential.
#[derive(Debug)]
pub enum ExchangeError {
    /// The client cannot be set up, or was asked for something that no request can say.
    Configuration(String),
    /// No connection: the request was surely not processed.
    Refused {
        /// Method and URL.
        call: String,
        /// The system's reason.
        reason: String,
    },
    /// Sent, but no whole answer came in time: it may have been processed.
    Timeout {
        /// Method and URL.
        call: String,
    },
    /// The connection broke after the request may have been sent: it may have been processed.
    Interrupted {
        /// Method and URL.
        call: String,
        /// The system's reason.
        reason: String,
    },
    /// A success with more in it than is read.
    TooLarge {
        /// Method and URL.
        call: String,
        /// Says how much is read.
        reason: String,
    },
}

impl From<TransportError> for ExchangeError {
    fn from(error: TransportError) -> Self {
        ExchangeError::Configuration(error.to_string())
    }
}

/// Sends `call` to `master` once.
pub async fn exchange(
    http: &Client,
    credentials: &FrameworkCredentials,
    master: &Url,
    call: &Call<'_>,
) -> Result<Reply, ExchangeError> {
    let url = call.url(master)?;
    let name = format!("{} {url}", call.method);
    let mut request = http.request(call.method.clone(), url);
    if !credentials.user.is_empty() {
        request = request.basic_auth(&credentials.user, Some(credentials.password.expose_secret()));
    }
    if let Some(accept) = call.accept {
        request = request.header(ACCEPT, accept);
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
            return Err(ExchangeError::TooLarge { call: name, reason });
        }
        Err(BodyError::Transport(error)) => return Err(transport_error(&name, error)),
    };
    Ok(Reply { call: name, status: status.as_u16(), body })
}

fn transport_error(call: &str, error: reqwest::Error) -> ExchangeError {
    let call = call.to_owned();
    let error = error.without_url();
    if error.is_builder() {
        ExchangeError::Configuration(format!("{call}: {}", innermost(&error)))
    } else if error.is_connect() {
        ExchangeError::Refused { call, reason: innermost(&error) }
    } else if error.is_timeout() {
        ExchangeError::Timeout { call }
    } else {
        ExchangeError::Interrupted { call, reason: innermost(&error) }
    }
}
