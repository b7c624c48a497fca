//! The node's Docker, spoken to over its socket: no child processes, no shell.

pub mod containers;
pub mod create;
pub mod follow;
pub mod node;
pub mod parameters;

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::UnixStream;
use tokio::time::timeout;

/// For calls that the daemon answers from memory.
pub const QUICK: Duration = Duration::from_secs(15);
/// For calls that start, stop or remove something.
pub const SLOW: Duration = Duration::from_secs(120);
/// No answer that is read whole is longer; an inspect of a container with many mounts has some 20 kB.
const LARGEST_ANSWER: usize = 8 << 20;

/// Why a call failed.
#[derive(Debug)]
pub enum DockerError {
    /// The daemon was not reached, or did not answer in time: whether it did what was asked is unknown.
    Unreachable(String),
    /// The daemon refused.
    Refused {
        /// HTTP status.
        status: u16,
        /// Its own words.
        message: String,
    },
}

impl DockerError {
    /// There is no such container or image.
    pub fn is_missing(&self) -> bool {
        matches!(self, DockerError::Refused { status: 404, .. })
    }
}

impl fmt::Display for DockerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DockerError::Unreachable(why) => write!(f, "Docker was not reached: {why}"),
            DockerError::Refused { status, message } => write!(f, "Docker refused ({status}): {message}"),
        }
    }
}

impl std::error::Error for DockerError {}

/// What a call gives.
pub type Answer<T> = Result<T, DockerError>;

/// The Engine API behind a Unix socket. Each call has its own connection and its own time-out.
#[derive(Debug, Clone)]
pub struct Docker {
    socket: PathBuf,
}

impl Docker {
    /// Connects at each call, not here.
    pub fn at(socket: &Path) -> Self {
        Docker { socket: socket.to_owned() }
    }

    /// The socket.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// # Errors
    /// See [`DockerError`]; statuses from 400 on are refusals.
    pub async fn get(&self, path: &str, limit: Duration) -> Answer<Value> {
        self.json(Method::GET, path, None, limit).await
    }

    /// # Errors
    /// As [`Docker::get`].
    pub async fn post(&self, path: &str, body: Option<&Value>, limit: Duration) -> Answer<Value> {
        self.json(Method::POST, path, body, limit).await
    }

    /// # Errors
    /// As [`Docker::get`].
    pub async fn delete(&self, path: &str, limit: Duration) -> Answer<()> {
        self.json(Method::DELETE, path, None, limit).await.map(drop)
    }

    async fn json(&self, method: Method, path: &str, body: Option<&Value>, limit: Duration) -> Answer<Value> {
        let what = format!("{method} {path}");
        let call = async {
            let response = self.send(method, path, body).await?;
            let bytes = Limited::new(response.into_body(), LARGEST_ANSWER).collect().await;
            let bytes = bytes.map_err(|e| DockerError::Unreachable(format!("{path}: {e}")))?.to_bytes();
            // Several calls answer with no body, and `wait` with JSON and a newline.
            Ok(serde_json::from_slice(&bytes).unwrap_or(Value::Null))
        };
        timeout(limit, call)
            .await
            .map_err(|_| DockerError::Unreachable(format!("{what}: no answer within {} s", limit.as_secs_f64())))?
    }

    /// The answer's head; its body is still to come.
    ///
    /// # Errors
    /// As [`Docker::get`].
    pub async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Answer<Response<Incoming>> {
        let lost = |e: &dyn fmt::Display| DockerError::Unreachable(format!("{}: {e}", self.socket.display()));
        let stream = UnixStream::connect(&self.socket).await.map_err(|e| lost(&e))?;
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(|e| lost(&e))?;
        // Ends by itself when the response's body has been read or dropped.
        tokio::spawn(connection);
        let request = Request::builder().method(method).uri(path).header("host", "docker");
        let bytes = body.map_or_else(Bytes::new, |value| value.to_string().into());
        let request = match body {
            Some(_) => request.header("content-type", "application/json"),
            None => request,
        };
        let request = request.body(Full::new(bytes)).map_err(|e| lost(&e))?;
        let response = sender.send_request(request).await.map_err(|e| lost(&e))?;
        let status = response.status().as_u16();
        if status < 400 {
            return Ok(response);
        }
        let bytes = Limited::new(response.into_body(), LARGEST_ANSWER)
            .collect()
            .await
            .map(|b| b.to_bytes())
            .unwrap_or_default();
        let message = match serde_json::from_slice::<Value>(&bytes) {
            Ok(value) if value["message"].is_string() => value["message"].as_str().unwrap_or_default().to_owned(),
            _ => String::from_utf8_lossy(&bytes).trim().to_owned(),
        };
        Err(DockerError::Refused { status, message })
    }
}

/// Percent-encodes all but what stands for itself in a query value and in the path of an image's name.
pub fn encode(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~/:@".contains(&b);
    text.bytes().map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_and_names_are_encoded() {
        assert_eq!(encode(r#"{"label":["a=b"]}"#), "%7B%22label%22%3A%5B%22a%3Db%22%5D%7D".replace("%3A", ":"));
        assert_eq!(encode("reg:5000/a/b:1?x&y"), "reg:5000/a/b:1%3Fx%26y");
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_daemon_that_never_answers_is_unreachable_in_time() {
        let directory = tempfile::tempdir().unwrap();
        let socket = directory.path().join("sock");
        let _listener = tokio::net::UnixListener::bind(&socket).unwrap();
        let error = Docker::at(&socket).get("/_ping", Duration::from_millis(50)).await.unwrap_err();
        assert!(matches!(&error, DockerError::Unreachable(why) if why.contains("no answer")), "{error}");
        let error = Docker::at(&directory.path().join("none")).get("/_ping", QUICK).await.unwrap_err();
        assert!(error.to_string().contains("none"), "{error}");
    }
}
