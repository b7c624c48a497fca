//! The supervisor as one thing to start and stop: settings in, a listening server out. The command and the demo share it.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use actix::Actor;
use actix_web::dev::ServerHandle;

use crate::actors::{
    self, ChronosPatience, Cluster, ContainerMetric, CpuSource, KeptTokens, MarathonPatience, MesosSource, MetricsPlan,
    MetricsStartup, MonascaSource, PrometheusSource, Running, StartError, Startup, Supervisor, TokenActor, Webhook,
};
use crate::clients::chronos::{ChronosClient, ChronosError};
use crate::clients::marathon::{MarathonClient, MarathonError};
use crate::clients::mesos::{MesosClient, MesosError};
use crate::clients::prometheus::{PrometheusClient, PrometheusError};
use crate::clients::transport::{TransportError, TransportOptions};
use crate::clock::Clock;
use crate::config::{self, Arbitration, AuthMode, CpuSourceKind, Settings};
use crate::credentials::{CredentialsError, FrameworkCredentials, Loaded, OpenStackCredentials};
use crate::events::job::RescaleMode;
use crate::events::store::{EventLog, StoreOptions};
use crate::http::auth::Gate;
use crate::http::limits::Limits;
use crate::http::routes::Frameworks;
use crate::http::server::{ServerParts, serve};
use crate::http::tls::{TlsError, server_config};
use crate::openstack::{Keystone, KeystoneError, Monasca, MonascaError, Tokens};
use crate::qos::arbitration::{Aim, Nodes};
use crate::qos::job::registration::Defaults;
use crate::qos::policy::{Policies, Step};
use crate::qos::units::Span;
use crate::token::{self, CallbackKey, StoredToken, TokenError, WebhookSecret};

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
    Webhook(#[from] TransportError),
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
    let chronos = match &s.credentials_chronos {
        None => None,
        Some(path) => {
            let options = transport(settings.chronos.request_timeout, settings.chronos.connect_timeout);
            let client = ChronosClient::new(warned(FrameworkCredentials::read_chronos(path)?), options)?;
            Some((client, chronos_patience(settings)))
        }
    };
    let marathon = match &s.credentials_marathon {
        None => None,
        Some(path) => {
            let client =
                MarathonClient::new(warned(FrameworkCredentials::read_marathon(path)?), marathon_transport(settings))?;
            Some((Arc::new(client), marathon_patience(settings)))
        }
    };
    let frameworks = Frameworks { chronos: chronos.is_some(), marathon: marathon.is_some() };
    let openstack = match &s.credentials_openstack {
        Some(path) => Some(OpenStack::new(warned(OpenStackCredentials::read(path)?), settings)?),
        None => None,
    };
    let cpu_source = match &marathon {
        Some((client, _)) => cpu_source(settings, client, openstack.as_ref(), Arc::clone(&clock))?,
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
        webhook: webhook(settings)?,
        cluster: cluster(settings),
    })
    .await?;
    let gate = gate(settings)?;
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

/// What is sacrificed when the cluster cannot serve all jobs.
pub fn aim(settings: &Settings) -> Aim {
    match settings.elasticity.arbitration {
        Arbitration::MostOnTime => Aim::MostOnTime,
        Arbitration::LeastLateness => Aim::LeastLateness,
    }
}

/// What is shared among the jobs; nothing as long as nobody says how large the cluster is.
fn cluster(settings: &Settings) -> Option<Cluster> {
    let elasticity = &settings.elasticity;
    let node = elasticity.node_cpus.unwrap_or(elasticity.cpu_max_slave);
    let count = elasticity.cluster_cpus?.milli().checked_div(node.milli())?;
    Some(Cluster { aim: aim(settings), nodes: Nodes { count, cpus: node } })
}

fn note_head(log: &EventLog) {
    let head = log.stats().head;
    tracing::info!(seq = head.seq.0, hash = %head.hash, "the head of the event log");
}

/// Passes credentials on, and what there is to say about their file to the log.
fn warned<T>(loaded: Loaded<T>) -> T {
    for warning in &loaded.warnings {
        tracing::warn!("{warning}");
    }
    loaded.value
}

fn gate(settings: &Settings) -> Result<(Gate, PathBuf), TokenError> {
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
    Ok((Gate::new(settings.auth.mode, key, operator, scrape), token_file))
}

fn transport(request_timeout: Span, connect_timeout: Span) -> TransportOptions {
    TransportOptions {
        request_timeout: request_timeout.to_std(),
        connect_timeout: connect_timeout.to_std(),
        cacert: None,
    }
}

/// Keystone and Monasca, for all who use them.
struct OpenStack {
    credentials: OpenStackCredentials,
    tokens: Tokens,
    options: TransportOptions,
}

impl OpenStack {
    /// Starts the actor that keeps the token; it logs in when one is wanted.
    fn new(credentials: OpenStackCredentials, settings: &Settings) -> Result<Self, SuperviseError> {
        let options = transport(settings.openstack.request_timeout, settings.openstack.connect_timeout);
        let keystone = Keystone::new(&credentials, &options)?;
        let tokens = Arc::new(KeptTokens::new(TokenActor::new(keystone).start()));
        Ok(OpenStack { credentials, tokens, options })
    }

    fn monasca(&self) -> Result<Monasca, SuperviseError> {
        Ok(Monasca::new(&self.credentials, Arc::clone(&self.tokens), &self.options)?)
    }
}

/// Who is told of what cannot wait.
fn webhook(settings: &Settings) -> Result<Option<Webhook>, SuperviseError> {
    let w = &settings.webhooks;
    let Some(url) = w.url.clone() else { return Ok(None) };
    let secret = WebhookSecret::load(w.secret_file.as_deref(), &settings.supervisor.data_dir)?;
    let options = transport(w.request_timeout, w.request_timeout);
    Ok(Some(Webhook::new(url, secret, &options, w.unreachable_after.to_std(), w.give_up_after)?))
}

fn metrics_plan(settings: &Settings) -> MetricsPlan {
    let m = &settings.metrics;
    MetricsPlan {
        batch_size: m.batch_size as usize,
        batch_interval: m.batch_interval.to_std(),
        requests_per_second: m.requests_per_second,
        overlap: m.overlap.to_std(),
        max_age: m.max_age,
    }
}

fn marathon_transport(settings: &Settings) -> TransportOptions {
    transport(settings.marathon.request_timeout, settings.marathon.connect_timeout)
}

/// Who is asked for CPU times; `None` when the agents of the jobs tell them.
fn cpu_source(
    settings: &Settings,
    marathon: &Arc<MarathonClient>,
    openstack: Option<&OpenStack>,
    clock: Arc<dyn Clock>,
) -> Result<Option<Box<dyn CpuSource>>, SuperviseError> {
    Ok(match (settings.cpu_source.kind, &settings.cpu_source.url) {
        (CpuSourceKind::Mesos, Some(master)) => {
            let mesos = MesosClient::new(master.clone(), &marathon_transport(settings))?;
            Some(Box::new(MesosSource::new(Arc::clone(marathon), mesos)))
        }
        (CpuSourceKind::Prometheus, url) => {
            let p = &settings.prometheus;
            // One of the two is there: the settings are checked.
            let Some(url) = p.url.as_ref().or(url.as_ref()) else { return Ok(None) };
            let options =
                TransportOptions { cacert: p.cacert.clone(), ..transport(p.request_timeout, p.connect_timeout) };
            let authorization = p.authorization_file.as_deref().map(token::authorization).transpose()?;
            let client = PrometheusClient::new(url, authorization, &options)?;
            let metric = ContainerMetric { name: p.metric.clone(), label: p.label.clone() };
            Some(Box::new(PrometheusSource::new(client, metric, clock)))
        }
        (CpuSourceKind::Monasca, _) => match openstack {
            Some(openstack) => {
                Some(Box::new(MonascaSource::new(openstack.monasca()?, clock, settings.elasticity.ticks_per_second)))
            }
            None => None,
        },
        _ => None,
    })
}

fn marathon_patience(settings: &Settings) -> MarathonPatience {
    let m = &settings.marathon;
    MarathonPatience {
        poll_interval: m.poll_interval,
        watch_interval: m.watch_interval,
        submit_timeout: settings.supervisor.submit_timeout,
        resize_patience: m.resize_patience,
        placement_patience: m.placement_patience,
        removal_patience: m.removal_patience,
        removed_after: m.removed_after,
    }
}

fn chronos_patience(settings: &Settings) -> ChronosPatience {
    let c = &settings.chronos;
    ChronosPatience {
        poll_interval: c.poll_interval,
        judge_interval: c.judge_interval,
        settle_time: c.settle_time,
        submit_timeout: settings.supervisor.submit_timeout,
        resize_patience: c.resize_patience,
        delete_grace: c.delete_grace,
        late_requests: c.request_timeout + c.late_request_margin,
        removed_after: c.removed_after,
    }
}

/// What registrations take from the settings.
pub fn defaults(settings: &Settings) -> Defaults {
    let e = &settings.elasticity;
    let (cpu_min, cpu_max) = (e.cpu_min_slave, e.cpu_max_slave);
    Defaults {
        policies: Policies {
            configured: e.policy,
            predictive: e.predictive.policy(cpu_min, cpu_max),
            step: Step { increment: e.cpu_increment, decrement: e.cpu_decrement, cpu_min, cpu_max },
            proportional: e.controllers.proportional(cpu_min, cpu_max),
            pid: e.controllers.pid(cpu_min, cpu_max),
            sleeping_time: e.sleeping_time,
            deployment_time: e.deployment_time,
            max_rescales: e.max_rescales,
            dry_run: e.dry_run,
        },
        max_failures: settings.supervisor.max_failures,
        overdue_factor_milli: (settings.supervisor.overdue_factor * 1000.0).round() as u32,
        monitoring_period: e.monitoring_period,
        rescale: match e.rescale {
            config::RescaleMode::Restart => RescaleMode::Restart,
            config::RescaleMode::InPlace => RescaleMode::InPlace,
        },
    }
}
