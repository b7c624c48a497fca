//! One request to one master of a framework, up to the whole answer and its status.

use reqwest::header::ACCEPT;
use reqwest::{Client, Method, Url};
use secrecy::ExposeSecret;
use serde_json::Value;

use super::transport::{TransportError, read_answer};
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

    fn url(&self, master: &Url) -> Result<Url, TransportError> {
        let mut url = master.clone();
        // The URL library leaves these out of a path, and the request would hit another resource.
        if self.path.iter().any(|part| matches!(*part, "" | "." | "..")) {
            return Err(TransportError::Configuration("the empty name, \".\" and \"..\" cannot stand in a URL".into()));
        }
        url.path_segments_mut()
            .map_err(|()| TransportError::Configuration(format!("{master} cannot be the base of a path")))?
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

/// Sends `call` to `master` once.
pub async fn exchange(
    http: &Client,
    credentials: &FrameworkCredentials,
    master: &Url,
    call: &Call<'_>,
) -> Result<Reply, TransportError> {
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
    let response = request.send().await.map_err(|error| TransportError::of(&name, error))?;
    let status = response.status();
    let body = read_answer(&name, response, BODY_LIMIT).await?;
    Ok(Reply { call: name, status: status.as_u16(), body })
}
