//! One request, up to the whole answer and its status. No error holds a token or a password.

use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Client, Method, Url};

use crate::clients::transport::{BodyError, TransportError, innermost, read_body};

/// A page of ten thousand rows of statistics fits.
const BODY_LIMIT: usize = 32 * 1024 * 1024;

/// A request without an answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The client cannot be set up.
    #[error("{0}")]
    Setup(String),
    /// No connection: the request was surely not processed.
    #[error("{call}: no connection: {reason}")]
    Refused {
        /// Method and URL.
        call: String,
        /// The system's reason.
        reason: String,
    },
    /// Sent, but no whole answer came in time: it may have been processed.
    #[error("{call}: no answer in time")]
    Timeout {
        /// Method and URL.
        call: String,
    },
    /// The connection broke after the request may have been sent.
    #[error("{call}: the connection broke: {reason}")]
    Interrupted {
        /// Method and URL.
        call: String,
        /// The system's reason.
        reason: String,
    },
    /// An answer with more in it than is read.
    #[error("{call}: the answer is larger than {} MiB", BODY_LIMIT / (1024 * 1024))]
    TooLarge {
        /// Method and URL.
        call: String,
    },
}

impl From<TransportError> for CallError {
    fn from(error: TransportError) -> Self {
        CallError::Setup(error.to_string())
    }
}

/// A request.
pub(super) struct Call<'a> {
    pub method: Method,
    pub url: Url,
    /// `X-Auth-Token`; marked as sensitive, so that nothing prints it.
    pub token: Option<&'a HeaderValue>,
    /// JSON text.
    pub body: Option<Vec<u8>>,
}

/// An answer, whatever its status.
#[derive(Debug)]
pub(super) struct Answer {
    /// Method and URL without its query, for messages.
    pub call: String,
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

/// Sends `call` once.
pub(super) async fn send(http: &Client, call: Call<'_>) -> Result<Answer, CallError> {
    let mut shown = call.url.clone();
    shown.set_query(None);
    let name = format!("{} {shown}", call.method);
    let mut request = http.request(call.method, call.url).header(ACCEPT, "application/json");
    if let Some(token) = call.token {
        request = request.header("X-Auth-Token", token.clone());
    }
    if let Some(body) = call.body {
        // Nothing may stand behind the type: monasca-api compares the whole header.
        request = request.header(CONTENT_TYPE, "application/json").body(body);
    }
    let response = request.send().await.map_err(|error| failed(&name, error))?;
    let (status, headers) = (response.status(), response.headers().clone());
    let body = match read_body(response, BODY_LIMIT).await {
        Ok(body) => body,
        // The status is known already and says enough.
        Err(_) if !status.is_success() => Vec::new(),
        Err(BodyError::TooLarge) => return Err(CallError::TooLarge { call: name }),
        Err(BodyError::Transport(error)) => return Err(failed(&name, error)),
    };
    Ok(Answer { call: name, status: status.as_u16(), headers, body })
}

fn failed(call: &str, error: reqwest::Error) -> CallError {
    let call = call.to_owned();
    let error = error.without_url();
    if error.is_builder() {
        CallError::Setup(format!("{call}: {}", innermost(&error)))
    } else if error.is_connect() {
        CallError::Refused { call, reason: innermost(&error) }
    } else if error.is_timeout() {
        CallError::Timeout { call }
    } else {
        CallError::Interrupted { call, reason: innermost(&error) }
    }
}
