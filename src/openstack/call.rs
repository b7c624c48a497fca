//! One request, up to the whole answer and its status. No error holds a token or a password.

use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Client, Method, Url};

use crate::clients::transport::{TransportError, read_answer};

/// A page of ten thousand rows of statistics fits.
const BODY_LIMIT: usize = 32 * 1024 * 1024;

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
pub(super) async fn send(http: &Client, call: Call<'_>) -> Result<Answer, TransportError> {
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
    let response = request.send().await.map_err(|error| TransportError::of(&name, error))?;
    let (status, headers) = (response.status(), response.headers().clone());
    let body = read_answer(&name, response, BODY_LIMIT).await?;
    Ok(Answer { call: name, status: status.as_u16(), headers, body })
}
