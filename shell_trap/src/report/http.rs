//! One POST to the supervisor: plain or over TLS, within a time, and no more of the answer than it can have.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Bytes;
use hyper::{Request, Uri};
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::config::Token;

const LIMIT: Duration = Duration::from_secs(10);
const LARGEST_ANSWER: usize = 64 << 10;

/// Sends reports.
pub struct Client {
    token: Option<Token>,
    tls: Option<TlsConnector>,
}

/// An answer.
#[derive(Debug)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// The body.
    pub body: Bytes,
}

impl Client {
    /// Prepares TLS only where it is needed.
    ///
    /// # Errors
    /// When certificates cannot be read.
    pub fn new(token: Option<Token>, cacert: Option<&Path>, needs_tls: bool) -> Result<Self> {
        let tls = if needs_tls { Some(connector(cacert)?) } else { None };
        Ok(Client { token, tls })
    }

    /// Posts JSON.
    ///
    /// # Errors
    /// When there was no answer in time.
    pub async fn post(&self, uri: &Uri, body: Vec<u8>) -> Result<Reply> {
        timeout(LIMIT, self.exchange(uri, body)).await.with_context(|| format!("{uri}: no answer within 10 s"))?
    }

    async fn exchange(&self, uri: &Uri, body: Vec<u8>) -> Result<Reply> {
        let host = uri.host().context("no host")?;
        let secure = uri.scheme_str() == Some("https");
        let port = uri.port_u16().unwrap_or(if secure { 443 } else { 80 });
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let stream = TcpStream::connect((bare, port)).await.with_context(|| format!("connecting to {host}:{port}"))?;
        stream.set_nodelay(true)?;
        if !secure {
            return self.over(stream, uri, body).await;
        }
        let Some(tls) = &self.tls else { bail!("TLS was not prepared") };
        let name = ServerName::try_from(bare.to_owned()).with_context(|| format!("{host} is no name for TLS"))?;
        let stream = tls.connect(name, stream).await.with_context(|| format!("TLS with {host}:{port}"))?;
        self.over(stream, uri, body).await
    }

    async fn over(
        &self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        uri: &Uri,
        body: Vec<u8>,
    ) -> Result<Reply> {
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let mut request = Request::post(path).header("content-type", "application/json").header("connection", "close");
        if let Some(authority) = uri.authority() {
            request = request.header("host", authority.as_str());
        }
        if let Some(Token(token)) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let response = sender.send_request(request.body(Full::new(Bytes::from(body)))?).await?;
        let status = response.status().as_u16();
        let body = Limited::new(response.into_body(), LARGEST_ANSWER).collect().await;
        let body = body.map_err(|e| anyhow::anyhow!("the answer of {uri}: {e}"))?.to_bytes();
        Ok(Reply { status, body })
    }
}

fn connector(cacert: Option<&Path>) -> Result<TlsConnector> {
    let mut roots = RootCertStore::empty();
    match cacert {
        Some(path) => {
            let certificates = CertificateDer::pem_file_iter(path).with_context(|| path.display().to_string())?;
            for certificate in certificates {
                roots.add(certificate?).with_context(|| path.display().to_string())?;
            }
        }
        None => {
            let found = rustls_native_certs::load_native_certs();
            roots.add_parsable_certificates(found.certs);
        }
    }
    if roots.is_empty() {
        bail!("no certificate authorities: set SHELL_TRAP_CACERT, or install the node's ca-certificates");
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(TlsConnector::from(Arc::new(config.with_root_certificates(roots).with_no_client_auth())))
}
