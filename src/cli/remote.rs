//! The supervisor's API as the operator's commands use it.

use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::Args;
use reqwest::{Method, Url};
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::launch::{is_loopback, parse_supervisor, read_token};
use crate::clients::transport::{TransportOptions, build_client, innermost, read_body};

/// A page of jobs is far below; more is not a supervisor.
const LARGEST_ANSWER: usize = 64 * 1024 * 1024;

/// Which supervisor to ask, and as whom
#[derive(Debug, Args)]
pub struct RemoteArgs {
    /// Address of the supervisor
    #[arg(long, value_name = "URL", env = "MESOS_QOS_SUPERVISOR", default_value = "http://127.0.0.1:30000",
        value_parser = parse_supervisor)]
    supervisor: Url,
    /// File that holds the operator token: operator.token in the supervisor's data directory
    #[arg(long, value_name = "FILE", env = "MESOS_QOS_TOKEN_FILE")]
    token_file: Option<PathBuf>,
    /// PEM certificates to trust beside those of the system
    #[arg(long, value_name = "FILE", env = "MESOS_QOS_CACERT")]
    cacert: Option<PathBuf>,
}

/// A supervisor to ask.
#[derive(Debug)]
pub struct Remote {
    http: reqwest::Client,
    base: Url,
    token: Option<SecretString>,
}

impl RemoteArgs {
    /// Reads the files that the arguments name; `say` gets warnings.
    ///
    /// # Errors
    /// When a file cannot be used.
    pub fn open(self, say: &(dyn Fn(&str) + Send + Sync)) -> anyhow::Result<Remote> {
        let token = self.token_file.as_deref().map(|path| read_token(path, say)).transpose()?;
        if token.is_some() && self.supervisor.scheme() == "http" && !is_loopback(&self.supervisor) {
            say("warning: the token goes over plain HTTP to another machine: use https");
        }
        let http = build_client(&TransportOptions { cacert: self.cacert, ..TransportOptions::default() })?;
        Ok(Remote { http, base: self.supervisor, token })
    }
}

impl Remote {
    /// Asks for the document at `path` below `/api/v1`.
    ///
    /// # Errors
    /// When the supervisor does not answer, refuses, or answers with something else.
    pub async fn get<T: DeserializeOwned>(&self, path: &[&str], query: &[(&str, String)]) -> anyhow::Result<T> {
        self.call(Method::GET, path, query).await
    }

    /// Deletes what is at `path` below `/api/v1`; the answer tells what became of it.
    ///
    /// # Errors
    /// As [`Remote::get`].
    pub async fn delete<T: DeserializeOwned>(&self, path: &[&str]) -> anyhow::Result<T> {
        self.call(Method::DELETE, path, &[]).await
    }

    async fn call<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &[&str],
        query: &[(&str, String)],
    ) -> anyhow::Result<T> {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(["api", "v1"]).extend(path);
        }
        let mut request = self.http.request(method, url).query(query);
        if let Some(token) = &self.token {
            request = request.bearer_auth(token.expose_secret());
        }
        let base = &self.base;
        let response = request
            .send()
            .await
            .map_err(|error| anyhow::anyhow!("{}", innermost(&error)))
            .with_context(|| format!("no supervisor answers at {base} (--supervisor names another)"))?;
        let status = response.status();
        let body = read_body(response, LARGEST_ANSWER)
            .await
            .map_err(|error| anyhow::anyhow!("the answer of the supervisor at {base} broke off: {error:?}"))?;
        if !status.is_success() {
            bail!("{}", self.refusal(status.as_u16(), &body));
        }
        serde_json::from_slice(&body).with_context(|| format!("{base} does not answer like a supervisor"))
    }

    /// The supervisor's own words, and what helps.
    fn refusal(&self, status: u16, body: &[u8]) -> String {
        let problem: Value = serde_json::from_slice(body).unwrap_or_default();
        let detail = problem["detail"].as_str().or_else(|| problem["title"].as_str());
        let detail = detail.map(printable).unwrap_or_else(|| format!("HTTP status {status} without a reason"));
        let hint = match (status, &self.token) {
            (401 | 403 | 404 | 405, _) if problem.is_null() => {
                ": is this the supervisor's address? (--supervisor names another)"
            }
            (401, None) => ": name the file with the operator token by --token-file",
            (401, Some(_)) => ": the token file is not that of this supervisor",
            (503, _) => "; it is overloaded, try again",
            _ => "",
        };
        format!("the supervisor answers {status}: {detail}{hint}")
    }
}

/// Text from outside for a terminal: control characters, which could move the cursor or worse, are spelled out.
pub fn printable(text: &str) -> String {
    text.chars().flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] }).collect()
}
