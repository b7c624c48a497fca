use std::io;
use std::net::SocketAddr;

use crate::actors::StartError;
use crate::clients::chronos::ChronosError;
use crate::clients::marathon::MarathonError;
use crate::clients::mesos::MesosError;
use crate::clients::prometheus::PrometheusError;
use crate::clients::transport::SetupError;
use crate::credentials::CredentialsError;
use crate::http::tls::TlsError;
use crate::openstack::{KeystoneError, MonascaError};
use crate::token::TokenError;

/// Why a supervisor could not start.
#[derive(Debug, thiserror::Error)]
pub enum SuperviseError {
    /// Credentials that cannot be used.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// A Chronos client that cannot be built.
    #[error(transparent)]
    Chronos(#[from] ChronosError),
    /// A Marathon client that cannot be built.
    #[error(transparent)]
    Marathon(#[from] MarathonError),
    /// A client of the webhook that cannot be built.
    #[error(transparent)]
    Webhook(#[from] SetupError),
    /// A client of Keystone that cannot be built.
    #[error(transparent)]
    Keystone(#[from] KeystoneError),
    /// A client of Monasca that cannot be built.
    #[error(transparent)]
    Monasca(#[from] MonascaError),
    /// A Mesos client that cannot be built.
    #[error(transparent)]
    Mesos(#[from] MesosError),
    /// A Prometheus client that cannot be built.
    #[error(transparent)]
    Prometheus(#[from] PrometheusError),
    /// The log or the actors.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The keys.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The certificate.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The address.
    #[error("cannot listen on {address}: {error}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why.
        error: io::Error,
    },
}
