//! The calls to Monasca. One call is one request, and one more when the token has ended in the meantime.

pub mod alarms;
mod error;
pub mod metric;
pub mod notifications;
mod paging;
pub mod statistics;

use std::time::Duration;

use reqwest::{Client, Method, Url};
use serde::de::DeserializeOwned;
use serde_json::Value;

pub use error::MonascaError;

use super::address::{base, below};
use super::call::{Answer, Call, send};
use super::message::message;
use super::token::{Token, Tokens};
use crate::clients::transport::{TransportError, TransportOptions, build_client};
use crate::credentials::OpenStackCredentials;

/// A token this young has not ended: another login would bring the same answer.
const YOUNG: Duration = Duration::from_secs(3);

/// A client of one Monasca.
pub struct Monasca {
    http: Client,
    base: Url,
    tokens: Tokens,
}

impl Monasca {
    /// A client that has not yet spoken to anybody.
    ///
    /// # Errors
    /// When `options` cannot be met.
    pub fn new(
        credentials: &OpenStackCredentials,
        tokens: Tokens,
        options: &TransportOptions,
    ) -> Result<Self, MonascaError> {
        let http = build_client(options).map_err(TransportError::from)?;
        Ok(Monasca { http, base: base(&credentials.monasca_url, "/v2.0"), tokens })
    }

    /// Sends one request below `/v2.0`, with the token.
    async fn call(
        &self,
        method: Method,
        path: &[&str],
        query: &[(&str, &str)],
        body: Option<Vec<u8>>,
    ) -> Result<Answer, MonascaError> {
        let token = self.tokens.token(None).await?;
        let answer = self.send(&token, method.clone(), path, query, body.clone()).await?;
        if !token_has_ended(&answer, &token) {
            return judge(answer);
        }
        let token = self.tokens.token(Some(token.number)).await?;
        judge(self.send(&token, method, path, query, body).await?)
    }

    async fn send(
        &self,
        token: &Token,
        method: Method,
        path: &[&str],
        query: &[(&str, &str)],
        body: Option<Vec<u8>>,
    ) -> Result<Answer, MonascaError> {
        let mut url = below(&self.base, &["v2.0"]);
        url = below(&url, path);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        Ok(send(&self.http, Call { method, url, token: Some(&token.header), body }).await?)
    }

    async fn get<T: DeserializeOwned>(&self, path: &[&str], query: &[(&str, &str)]) -> Result<T, MonascaError> {
        read(&self.call(Method::GET, path, query, None).await?)
    }

    async fn post<T: DeserializeOwned>(&self, path: &[&str], body: &Value) -> Result<T, MonascaError> {
        read(&self.call(Method::POST, path, &[], Some(body.to_string().into_bytes())).await?)
    }

    /// Whether there was something to delete.
    async fn delete(&self, path: &[&str]) -> Result<bool, MonascaError> {
        match self.call(Method::DELETE, path, &[], None).await {
            Ok(_) => Ok(true),
            Err(error) if error.status() == Some(404) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

fn read<T: DeserializeOwned>(answer: &Answer) -> Result<T, MonascaError> {
    serde_json::from_slice(&answer.body)
        .map_err(|error| MonascaError::BadAnswer { call: answer.call.clone(), reason: error.to_string() })
}

/// 401 has two meanings: the token is over (a login helps), or its user lacks the role (nothing does).
fn token_has_ended(answer: &Answer, token: &Token) -> bool {
    answer.status == 401 && !lacks_the_role(&answer.body) && token.asked.elapsed() >= YOUNG
}

fn lacks_the_role(body: &[u8]) -> bool {
    serde_json::from_slice::<Value>(body).is_ok_and(|body| body["title"] == "Forbidden")
}

fn judge(answer: Answer) -> Result<Answer, MonascaError> {
    if answer.is_success() {
        return Ok(answer);
    }
    let message = message(&answer.body);
    let Answer { call, status, body, .. } = answer;
    Err(match status {
        401 if lacks_the_role(&body) => MonascaError::Forbidden { call, message },
        401 => MonascaError::Unauthorized { call },
        _ => MonascaError::Status { call, status, message },
    })
}
