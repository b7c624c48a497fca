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
pub enum TransportError {
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
pub fn build_client(options: &TransportOptions) -> Result<Client, TransportError> {
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
        let pem =
            std::fs::read(path).map_err(|source| TransportError::ReadCertificate { path: path.clone(), source })?;
        let certificates = Certificate::from_pem_bundle(&pem)
            .ok()
            .filter(|certificates| !certificates.is_empty())
            .ok_or_else(|| TransportError::BadCertificate { path: path.clone() })?;
        builder = builder.tls_certs_merge(certificates);
    }
    builder.build().map_err(|error| TransportError::Setup(innermost(&error)))
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
