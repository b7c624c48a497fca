//! One POST to the supervisor: plain or over TLS, within a time, and no more of the answer than it can have.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Bytes;
use hyper::{Request, Uri};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client as Pool;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use tokio::time::timeout;

use crate::config::Token;

const LIMIT: Duration = Duration::from_secs(10);
/// A connection that was not used for so long is not used again: the supervisor closes an idle one after half a minute.
const IDLE: Duration = Duration::from_secs(20);
const LARGEST_ANSWER: usize = 64 << 10;

/// Sends reports, over one connection as long as it lasts: a handshake for each sample of each job would be most of what a supervisor
/// does.
pub struct Client {
    token: Option<Token>,
    pool: Pool<HttpsConnector<HttpConnector>, Full<Bytes>>,
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
    /// Reads certificates only where they are needed.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn new(token: Option<Token>, cacert: Option<&Path>, needs_tls: bool) -> Result<Self> {
        let roots = if needs_tls { authorities(cacert)? } else { RootCertStore::empty() };
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.enforce_http(false);
        let connector = HttpsConnector::from((connector, tls(roots)?));
        let mut pool = Pool::builder(TokioExecutor::new());
        pool.pool_timer(TokioTimer::new()).pool_idle_timeout(IDLE).pool_max_idle_per_host(1);
        Ok(Client { token, pool: pool.build(connector) })
    }

    /// Posts JSON.
    ///
    /// # Errors
    /// When there was no answer in time.
    pub async fn post(&self, uri: &Uri, body: Vec<u8>) -> Result<Reply> {
        let exchanged = timeout(LIMIT, self.exchange(uri, body.into())).await;
        exchanged.with_context(|| format!("{uri}: no answer within 10 s"))?
    }

    async fn exchange(&self, uri: &Uri, body: Bytes) -> Result<Reply> {
        let response = match self.pool.request(self.request(uri, body.clone())?).await {
            // The other side may have hung up just when the connection was used again: that is no reason to wait, and reports may be told twice.
            Err(error) if !error.is_connect() => self.pool.request(self.request(uri, body)?).await,
            answered => answered,
        };
        let response = response.with_context(|| uri.to_string())?;
        let status = response.status().as_u16();
        let body = Limited::new(response.into_body(), LARGEST_ANSWER).collect().await;
        let body = body.map_err(|e| anyhow::anyhow!("the answer of {uri}: {e}"))?.to_bytes();
        Ok(Reply { status, body })
    }

    fn request(&self, uri: &Uri, body: Bytes) -> Result<Request<Full<Bytes>>> {
        let mut request = Request::post(uri).header("content-type", "application/json");
        if let Some(Token(token)) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        Ok(request.body(Full::new(body))?)
    }
}

/// Those of a file, or those of the node.
fn authorities(cacert: Option<&Path>) -> Result<RootCertStore> {
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
    Ok(roots)
}

fn tls(roots: RootCertStore) -> Result<ClientConfig> {
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}
