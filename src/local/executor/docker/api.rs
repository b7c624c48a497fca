//! The part of the Docker Engine API that runs a container: plain calls over the daemon's socket.

use std::path::Path;
use std::time::Duration;

use reqwest::{Client, Method, Response, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::clients::transport::innermost;
use crate::local::executor::ExecutorError;
use crate::local::executor::limit::Bandwidth;

/// Where a daemon listens unless something else is said.
pub const USUAL_HOST: &str = "unix:///var/run/docker.sock";
/// Longest wait for an answer that the daemon gives at once.
const TIMEOUT: Duration = Duration::from_secs(30);

/// What the daemon says about its control groups.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Info {
    /// `cgroupfs` or `systemd`.
    #[serde(default)]
    pub cgroup_driver: String,
    /// `1` or `2`; daemons before 20.10 do not say and know only 1.
    #[serde(default)]
    pub cgroup_version: String,
}

/// One daemon.
#[derive(Debug, Clone)]
pub struct Api {
    client: Client,
    base: String,
}

impl Api {
    /// A daemon at `host`: `unix://PATH` or `tcp://HOST:PORT`.
    ///
    /// # Errors
    /// When it is neither.
    pub fn at(host: &str) -> Result<Self, ExecutorError> {
        // Reqwest wants a provider even for plain HTTP; one that is installed already is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let builder = Client::builder().no_proxy();
        let (builder, base) = if let Some(path) = host.strip_prefix("unix://") {
            (builder.unix_socket(Path::new(path)), "http://docker".to_owned())
        } else if let Some(address) = host.strip_prefix("tcp://") {
            (builder, format!("http://{address}"))
        } else {
            return Err(ExecutorError(format!("docker host {host}: unix://PATH or tcp://HOST:PORT is wanted")));
        };
        let client = builder.build().map_err(|e| ExecutorError(format!("docker host {host}: {e}")))?;
        Ok(Api { client, base })
    }

    /// What the daemon is; also the test whether it answers.
    ///
    /// # Errors
    /// When it does not.
    pub async fn info(&self) -> Result<Info, ExecutorError> {
        let response = self.call(Method::GET, "/info", None).await?;
        response.json().await.map_err(failed("/info"))
    }

    /// Starts a created container.
    ///
    /// # Errors
    /// When it cannot run: the daemon's reason.
    pub async fn start(&self, id: &str) -> Result<(), ExecutorError> {
        self.call(Method::POST, &format!("/containers/{id}/start"), None).await.map(drop)
    }

    /// The container's main process as the daemon's machine sees it; 0 when it has ended.
    ///
    /// # Errors
    /// When it is gone, or the daemon does not answer.
    pub async fn main_process(&self, id: &str) -> Result<i32, ExecutorError> {
        let path = format!("/containers/{id}/json");
        let response = self.call(Method::GET, &path, None).await?;
        let container: Value = response.json().await.map_err(failed(&path))?;
        let pid = container["State"]["Pid"].as_i64().and_then(|pid| i32::try_from(pid).ok());
        pid.ok_or_else(|| about(&path, "an answer without State.Pid"))
    }

    /// Completes when the container does not run any more; its exit code.
    ///
    /// # Errors
    /// When it is gone, or the connection breaks.
    pub async fn wait(&self, id: &str) -> Result<i32, ExecutorError> {
        let path = format!("/containers/{id}/wait");
        let sent = self.client.post(format!("{}{path}", self.base)).send().await.map_err(failed(&path))?;
        let answer: Value = checked(&path, sent).await?.json().await.map_err(failed(&path))?;
        let code = answer["StatusCode"].as_i64().and_then(|code| i32::try_from(code).ok());
        code.ok_or_else(|| about(&path, "an answer without StatusCode"))
    }

    /// The output of a created container, from its start to its end, as [`super::logs`] reads it. Attaching before the
    /// start misses nothing, needs no log driver, and ends with the last byte.
    ///
    /// # Errors
    /// When the container is gone, or the daemon does not answer.
    pub async fn attach(&self, id: &str) -> Result<Response, ExecutorError> {
        let path = format!("/containers/{id}/attach?stream=1&stdout=1&stderr=1");
        let sent = self.client.post(format!("{}{path}", self.base)).send().await.map_err(failed(&path))?;
        checked(&path, sent).await
    }

    /// Sends a signal to the main process. One that has ended needs none.
    ///
    /// # Errors
    /// When the daemon does not answer.
    pub async fn signal(&self, id: &str, signal: &str) -> Result<(), ExecutorError> {
        match self.call(Method::POST, &format!("/containers/{id}/kill?signal={signal}"), None).await {
            Err(error) if error.0.contains("is not running") || error.0.contains("No such container") => Ok(()),
            other => other.map(drop),
        }
    }

    /// Changes the hard limit.
    ///
    /// # Errors
    /// When the daemon refuses it.
    pub async fn limit(&self, id: &str, Bandwidth { quota_us, period_us }: Bandwidth) -> Result<(), ExecutorError> {
        let body = json!({ "CpuQuota": quota_us, "CpuPeriod": period_us });
        self.call(Method::POST, &format!("/containers/{id}/update"), Some(body)).await.map(drop)
    }

    /// Lifts the hard limit.
    ///
    /// # Errors
    /// When the daemon refuses it.
    pub async fn unlimit(&self, id: &str) -> Result<(), ExecutorError> {
        self.call(Method::POST, &format!("/containers/{id}/update"), Some(json!({ "CpuQuota": -1 }))).await.map(drop)
    }

    /// Removes a container with its anonymous volumes, killing it when it runs. One that is gone is done.
    ///
    /// # Errors
    /// When the daemon refuses it.
    pub async fn remove(&self, id: &str) -> Result<(), ExecutorError> {
        match self.call(Method::DELETE, &format!("/containers/{id}?force=1&v=1"), None).await {
            Err(error) if error.0.contains("No such container") => Ok(()),
            other => other.map(drop),
        }
    }

    /// Ids of all containers with this label, also stopped ones.
    ///
    /// # Errors
    /// When the daemon does not answer.
    pub async fn labelled(&self, label: &str) -> Result<Vec<String>, ExecutorError> {
        let path = "/containers/json";
        let filters = json!({ "label": [label] }).to_string();
        let request = self.client.get(format!("{}{path}", self.base)).query(&[("all", "1"), ("filters", &filters)]);
        let sent = request.timeout(TIMEOUT).send().await.map_err(failed(path))?;
        let list: Vec<Value> = checked(path, sent).await?.json().await.map_err(failed(path))?;
        Ok(list.iter().filter_map(|container| container["Id"].as_str()).map(str::to_owned).collect())
    }

    async fn call(&self, method: Method, path: &str, body: Option<Value>) -> Result<Response, ExecutorError> {
        let mut request = self.client.request(method, format!("{}{path}", self.base)).timeout(TIMEOUT);
        if let Some(body) = body {
            request = request.json(&body);
        }
        checked(path, request.send().await.map_err(failed(path))?).await
    }
}

async fn checked(path: &str, response: Response) -> Result<Response, ExecutorError> {
    let status = response.status();
    if status.is_success() || status == StatusCode::NOT_MODIFIED {
        return Ok(response);
    }
    let text = response.text().await.unwrap_or_default();
    let message = serde_json::from_str::<Value>(&text).ok().and_then(|v| v["message"].as_str().map(str::to_owned));
    Err(about(path, format_args!("{status}: {}", message.unwrap_or(text))))
}

/// The innermost cause: that a request could not be sent says nothing.
fn failed(path: &str) -> impl Fn(reqwest::Error) -> ExecutorError {
    move |error| about(path, innermost(&error))
}

fn about(path: &str, error: impl std::fmt::Display) -> ExecutorError {
    ExecutorError(format!("docker {path}: {error}"))
}
