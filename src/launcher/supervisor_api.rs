//! The calls that a launcher makes to the supervisor.

use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use reqwest::{Client, Url};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde_json::Value;

use crate::api::register::{AdmissionReply, RegisterReply, RegisterRequest};
use crate::api::report::WithdrawRequest;
use crate::clients::transport::{BodyError, SetupError, TransportOptions, build_client, innermost, read_body};
use crate::qos::ids::JobId;

const BODY_LIMIT: usize = 1024 * 1024;

/// A call to the supervisor that failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SupervisorError {
    /// The client cannot be set up.
    #[error("{0}")]
    Setup(String),
    /// No answer, after several attempts.
    #[error("{call}: the supervisor does not answer: {reason}")]
    Unreachable {
        /// Method and URL.
        call: String,
        /// The last reason.
        reason: String,
    },
    /// An answer that is not a success.
    #[error("{call}: the supervisor answers {status}: {detail}")]
    Refused {
        /// Method and URL.
        call: String,
        /// The HTTP status.
        status: u16,
        /// What the supervisor said, and what may help.
        detail: String,
    },
    /// A success that cannot be understood.
    #[error("{call}: unexpected answer: {reason}; is this URL the supervisor's?")]
    BadAnswer {
        /// Method and URL.
        call: String,
        /// What was wrong with it.
        reason: String,
    },
}

impl SupervisorError {
    fn may_pass(&self) -> bool {
        match self {
            SupervisorError::Unreachable { .. } => true,
            SupervisorError::Refused { status, .. } => matches!(status, 408 | 429 | 502 | 503 | 504),
            _ => false,
        }
    }
}

impl From<SetupError> for SupervisorError {
    fn from(error: SetupError) -> Self {
        SupervisorError::Setup(error.to_string())
    }
}

/// The supervisor as a launcher sees it.
#[derive(Debug)]
pub struct SupervisorApi {
    http: Client,
    base: Url,
    token: Option<SecretString>,
    backoff: ExponentialBuilder,
}

impl SupervisorApi {
    /// The supervisor at `base`; `token` is the operator's.
    ///
    /// # Errors
    /// When `options` cannot be met.
    pub fn new(base: Url, token: Option<SecretString>, options: &TransportOptions) -> Result<Self, SupervisorError> {
        let backoff = ExponentialBuilder::default()
            .with_min_delay(Duration::from_millis(200))
            .with_max_delay(Duration::from_secs(3))
            .with_max_times(5)
            .with_jitter();
        Ok(SupervisorApi { http: build_client(options)?, base, token, backoff })
    }

    /// The supervisor's address, to which the job's own reports go too.
    pub fn url(&self) -> &Url {
        &self.base
    }

    /// Introduces a job. Sent again while the supervisor does not answer: the same body twice counts once.
    ///
    /// # Errors
    /// When the supervisor refuses the job or does not answer.
    pub async fn register(&self, request: &RegisterRequest) -> Result<RegisterReply, SupervisorError> {
        let (call, body) = self.post(&["initTask"], request).await?;
        serde_json::from_slice(&body).map_err(|error| SupervisorError::BadAnswer { call, reason: error.to_string() })
    }

    /// Asks what a registration would be told; nothing is registered.
    ///
    /// # Errors
    /// When the supervisor cannot accept the job, does not know the question, or does not answer.
    pub async fn admission(&self, request: &RegisterRequest) -> Result<AdmissionReply, SupervisorError> {
        let (call, body) = self.post(&["api", "v1", "admission"], request).await?;
        serde_json::from_slice(&body).map_err(|error| SupervisorError::BadAnswer { call, reason: error.to_string() })
    }

    /// Takes a registration back, before the job's first start, of a job that its framework surely does not run, nor will.
    ///
    /// # Errors
    /// When the job has been started already, or the supervisor does not answer.
    pub async fn withdraw(&self, uuid: JobId, reason: &str) -> Result<(), SupervisorError> {
        let uuid = uuid.to_string();
        self.post(
            &["api", "v1", "jobs", &uuid, "withdraw"],
            &WithdrawRequest { reason: Some(reason.to_owned()), submitted: Some(false) },
        )
        .await
        .map(drop)
    }

    async fn post(&self, path: &[&str], body: &impl Serialize) -> Result<(String, Vec<u8>), SupervisorError> {
        let mut url = self.base.clone();
        url.path_segments_mut()
            .map_err(|()| SupervisorError::Setup(format!("{} cannot be the base of a path", self.base)))?
            .pop_if_empty()
            .extend(path);
        let call = format!("POST {url}");
        let answer = (|| self.post_once(&call, &url, body)).retry(self.backoff).when(SupervisorError::may_pass).await?;
        Ok((call, answer))
    }

    async fn post_once(&self, call: &str, url: &Url, body: &impl Serialize) -> Result<Vec<u8>, SupervisorError> {
        let mut request = self.http.post(url.clone()).json(body);
        if let Some(token) = &self.token {
            request = request.bearer_auth(token.expose_secret());
        }
        let unreachable = |error: reqwest::Error| {
            let timeout = error.is_timeout() && !error.is_connect();
            let reason = if timeout { "no answer in time".into() } else { innermost(&error.without_url()) };
            SupervisorError::Unreachable { call: call.to_owned(), reason }
        };
        let response = request.send().await.map_err(unreachable)?;
        let status = response.status();
        let body = read_body(response, BODY_LIMIT).await.map_err(|error| match error {
            BodyError::TooLarge => {
                SupervisorError::BadAnswer { call: call.to_owned(), reason: "more than 1 MiB".into() }
            }
            BodyError::Transport(error) => unreachable(error),
        })?;
        if status.is_success() {
            return Ok(body);
        }
        let detail = detail(status.as_u16(), &body);
        Err(SupervisorError::Refused { call: call.to_owned(), status: status.as_u16(), detail })
    }
}

/// What a problem document (or whatever came in its place) says, and a hint where the cause is likely known.
fn detail(status: u16, body: &[u8]) -> String {
    let document = serde_json::from_slice::<Value>(body).ok();
    let said = match &document {
        Some(document) => ["detail", "title"]
            .iter()
            .find_map(|key| document.get(key).and_then(Value::as_str))
            .unwrap_or_default()
            .to_owned(),
        None => String::from_utf8_lossy(body).lines().next().unwrap_or_default().chars().take(300).collect(),
    };
    let hint = match status {
        // A supervisor refuses in JSON.
        401 | 403 | 405 if document.is_none() => "is this URL the supervisor's?",
        401 => "give the operator token with --token-file; the supervisor printed the file's path at its first start",
        404 => "is this URL the supervisor's?",
        _ => "",
    };
    match (said.is_empty(), hint.is_empty()) {
        (false, false) => format!("{said} ({hint})"),
        (true, true) => "without a reason".into(),
        _ => format!("{said}{hint}"),
    }
}
