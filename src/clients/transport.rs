//! What every HTTP client here has in common: bounded time, bounded answers, no redirects, no proxies.

use std::path::PathBuf;
use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, Response};

/// Limits and trust of an HTTP client.
#[derive(Debug, Clone)]
pub struct TransportOptions {
    /// From the first byte sent to the last byte received.
    pub request_timeout: Duration,
    /// For the connection alone, TLS included.
    pub connect_timeout: Duration,
    /// PEM certificates trusted beside those of the system.
    pub cacert: Option<PathBuf>,
}

impl Default for TransportOptions {
    fn default() -> Self {
        TransportOptions {
            request_timeout: Duration::from_secs(10),
            connect_timeout: Duration::from_secs(3),
            cacert: None,
        }
    }
}

/// Why a client could not be built.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The certificate file cannot be read.
    #[error("cacert {path}: {source}")]
    ReadCertificate {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The certificate file holds no usable certificate.
    #[error("cacert {path}: no PEM certificate in it that can be used")]
    BadCertificate {
        /// The file.
        path: PathBuf,
    },
    /// Anything else, such as no trusted certificates on this system.
    #[error("cannot set up HTTP: {0}")]
    Setup(String),
}

/// Builds a client within `options`.
///
/// # Errors
/// When the certificate file is unusable or the TLS set-up fails.
pub fn build_client(options: &TransportOptions) -> Result<Client, SetupError> {
    // Already installed by somebody else in this process: just as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut builder = Client::builder()
        .timeout(options.request_timeout)
        .connect_timeout(options.connect_timeout)
        // Shorter than the idle time-out of common servers: a request on a connection that the server is just
        // closing has an unknown outcome.
        .pool_idle_timeout(Duration::from_secs(15))
        // A redirect would carry the credentials to another host.
        .redirect(Policy::none())
        .no_proxy();
    if let Some(path) = &options.cacert {
        let pem = std::fs::read(path).map_err(|source| SetupError::ReadCertificate { path: path.clone(), source })?;
        let certificates = Certificate::from_pem_bundle(&pem)
            .ok()
            .filter(|certificates| !certificates.is_empty())
            .ok_or_else(|| SetupError::BadCertificate { path: path.clone() })?;
        builder = builder.tls_certs_merge(certificates);
    }
    builder.build().map_err(|error| SetupError::Setup(innermost(&error)))
}

/// A request without an answer. No variant holds a credential.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TransportError {
    /// The client cannot be set up, or was asked for something that no request can say.
    #[error("{0}")]
    Configuration(String),
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
    /// The connection broke after the request may have been sent: it may have been processed.
    #[error("{call}: the connection broke: {reason}")]
    Interrupted {
        /// Method and URL.
        call: String,
        /// The system's reason.
        reason: String,
    },
    /// An answer with more in it than is read: it was processed, and nobody knows with what outcome.
    #[error("{call}: the answer is larger than {limit} MiB")]
    TooLarge {
        /// Method and URL.
        call: String,
        /// So much is read, in MiB.
        limit: usize,
    },
}

impl TransportError {
    /// What `error`, of the request `call`, tells about it.
    pub fn of(call: &str, error: reqwest::Error) -> Self {
        let call = call.to_owned();
        let error = error.without_url();
        if error.is_builder() {
            TransportError::Configuration(format!("{call}: {}", innermost(&error)))
        } else if error.is_connect() {
            TransportError::Refused { call, reason: innermost(&error) }
        } else if error.is_timeout() {
            TransportError::Timeout { call }
        } else {
            TransportError::Interrupted { call, reason: innermost(&error) }
        }
    }

    /// Whether a write that failed so may have been carried out all the same.
    pub fn is_outcome_unknown(&self) -> bool {
        matches!(
            self,
            TransportError::Timeout { .. } | TransportError::Interrupted { .. } | TransportError::TooLarge { .. }
        )
    }

    /// Whether the same call may succeed later without anybody changing anything.
    pub fn is_retriable(&self) -> bool {
        matches!(
            self,
            TransportError::Refused { .. } | TransportError::Timeout { .. } | TransportError::Interrupted { .. }
        )
    }

    /// Whether no connection was made, so that the request was surely not processed.
    pub fn is_refused(&self) -> bool {
        matches!(self, TransportError::Refused { .. })
    }
}

impl From<SetupError> for TransportError {
    fn from(error: SetupError) -> Self {
        TransportError::Configuration(error.to_string())
    }
}

/// The body of the answer to `call`, of at most `limit` bytes; empty when that of a refusal cannot be read: its status says enough.
///
/// # Errors
/// When the body of a success is longer, or the connection breaks.
pub async fn read_answer(call: &str, response: Response, limit: usize) -> Result<Vec<u8>, TransportError> {
    let succeeded = response.status().is_success();
    match read_body(response, limit).await {
        Ok(body) => Ok(body),
        Err(_) if !succeeded => Ok(Vec::new()),
        Err(BodyError::TooLarge) => {
            Err(TransportError::TooLarge { call: call.to_owned(), limit: limit / (1024 * 1024) })
        }
        Err(BodyError::Transport(error)) => Err(TransportError::of(call, error)),
    }
}

/// Why a body was not read.
#[derive(Debug)]
pub enum BodyError {
    /// The body exceeds the limit.
    TooLarge,
    /// The connection failed on the way.
    Transport(reqwest::Error),
}

/// Reads a body of at most `limit` bytes.
///
/// # Errors
/// When the body is longer or the connection breaks.
pub async fn read_body(mut response: Response, limit: usize) -> Result<Vec<u8>, BodyError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(BodyError::Transport)? {
        if body.len() + chunk.len() > limit {
            return Err(BodyError::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// The last cause in a chain of errors: "connection refused" says more than "error sending request".
pub fn innermost(error: &dyn std::error::Error) -> String {
    let mut current = error;
    while let Some(source) = current.source() {
        current = source;
    }
    current.to_string()
}
