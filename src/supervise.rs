//! The supervisor as one thing to start and stop: settings in, a listening server out. The command and the demo share it.

mod changed;
mod error;
mod outside;
mod rules;

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::ServerHandle;

use crate::actors::{self, MetricsStartup, Running, Startup, Supervisor};
use crate::clock::Clock;
use crate::config::{AuthMode, Settings};
use crate::events::store::{EventLog, StoreOptions};
use crate::http::auth::{Gate, Hosts, Sessions};
use crate::http::limits::Limits;
use crate::http::routes::Frameworks;
use crate::http::server::{ServerParts, serve};
use crate::http::tls::server_config;
use crate::token::{CallbackKey, StoredToken, TokenError};

pub use changed::{ChangedPolicy, changed_policy};
pub use error::SuperviseError;
use outside::OpenStack;
use rules::metrics_plan;
pub use rules::{aim, defaults};

/// A supervisor that listens.
pub struct Supervising {
    /// Where it listens.
    pub address: SocketAddr,
    /// The file that holds the operator token.
    pub token_file: PathBuf,
    /// The handle on its jobs.
    pub supervisor: Supervisor,
    server: ServerHandle,
    running: Running,
    anchors: tokio::task::AbortHandle,
}

/// How often the end of the hash chain is written to the program's own log, as an anchor that the data directory does not hold:
/// `mesos-qos log verify --expect-head` finds a log that was cut off after it.
const ANCHOR_EVERY: Duration = Duration::from_secs(24 * 60 * 60);

impl Supervising {
    /// Takes no more requests, answers those under way, commits and frees the data directory.
    pub async fn stop(self) {
        self.server.stop(true).await;
        self.anchors.abort();
        let log = self.supervisor.log().clone();
        self.running.stop().await;
        note_head(&log);
    }
}

/// Starts a supervisor. The returned future serves its requests: it must be polled until [`Supervising::stop`].
///
/// # Errors
/// When credentials, keys, certificate, log or address cannot be used; each error names its file.
pub async fn start(
    settings: &Settings,
    clock: Arc<dyn Clock>,
) -> Result<(Supervising, impl Future<Output = io::Result<()>> + Send + use<>), SuperviseError> {
    let s = &settings.supervisor;
    let (chronos, marathon, openstack) =
        (outside::chronos(settings)?, outside::marathon(settings)?, OpenStack::of(settings)?);
    let frameworks = Frameworks { chronos: chronos.is_some(), marathon: marathon.is_some() };
    let cpu_source = match &marathon {
        Some((client, _)) => outside::cpu_source(settings, client, openstack.as_ref(), Arc::clone(&clock))?,
        None => None,
    };
    let metrics = match &openstack {
        Some(openstack) if settings.metrics.monasca => {
            Some(MetricsStartup { monasca: openstack.monasca()?, plan: metrics_plan(settings) })
        }
        _ => None,
    };
    let tls = server_config(&settings.tls)?;
    let running = actors::start(Startup {
        data_dir: s.data_dir.clone(),
        store: StoreOptions::default(),
        clock,
        defaults: defaults(settings),
        chronos,
        marathon,
        cpu_source,
        metrics,
        webhook: outside::webhook(settings)?,
        cluster: outside::cluster(settings)?,
    })
    .await?;
    let gate = gate(settings, Arc::clone(running.supervisor.clock()))?;
    let token_file = gate.1;
    let address = SocketAddr::new(s.listen, s.port);
    let parts = ServerParts {
        address: (s.listen, s.port),
        supervisor: running.supervisor.clone(),
        gate: gate.0,
        limits: Limits::of(s),
        frameworks,
        tls,
    };
    let (server, address) = serve(parts).map_err(|error| SuperviseError::Listen { address, error })?;
    let log = running.supervisor.log().clone();
    let anchors = tokio::task::spawn(async move {
        let mut every = tokio::time::interval(ANCHOR_EVERY);
        loop {
            every.tick().await;
            note_head(&log);
        }
    })
    .abort_handle();
    let supervising = Supervising {
        anchors,
        address,
        token_file,
        supervisor: running.supervisor.clone(),
        server: server.handle(),
        running,
    };
    Ok((supervising, server))
}

fn note_head(log: &EventLog) {
    let head = log.stats().head;
    tracing::info!(seq = head.seq.0, hash = %head.hash, "the head of the event log");
}

fn gate(settings: &Settings, clock: Arc<dyn Clock>) -> Result<(Gate, PathBuf), TokenError> {
    let data_dir = &settings.supervisor.data_dir;
    let key = CallbackKey::load_or_create(data_dir)?;
    let operator = match &settings.auth.token_file {
        Some(path) => StoredToken::load(path)?,
        None => StoredToken::load_or_create(data_dir)?,
    };
    let token_file = operator.path().to_owned();
    let scrape = settings.auth.scrape_token_file.as_deref().map(StoredToken::load).transpose()?;
    if settings.auth.mode != AuthMode::Off {
        tracing::info!(path = %token_file.display(), "the operator token");
    }
    let sessions = Sessions::load(data_dir, clock);
    let gate = Gate::new(settings.auth.mode, key, operator, scrape)
        .with_sessions(sessions)
        .with_hosts(Hosts::new(settings.auth.hosts.iter().cloned()))
        .trusting_forwarded_proto(settings.auth.trust_forwarded_proto);
    Ok((gate, token_file))
}
