//! The clients of what is outside, from their settings and credentials.

use std::sync::Arc;

use actix::Actor;

use super::SuperviseError;
use crate::actors::{
    ChronosPatience, ClusterSize, ClusterStartup, ContainerMetric, CpuSource, KeptTokens, MarathonPatience,
    MesosSource, MonascaSource, PrometheusSource, TokenActor, Webhook,
};
use crate::clients::chronos::ChronosClient;
use crate::clients::marathon::MarathonClient;
use crate::clients::mesos::MesosClient;
use crate::clients::prometheus::PrometheusClient;
use crate::clients::transport::TransportOptions;
use crate::clock::Clock;
use crate::config::{CpuSourceKind, Settings};
use crate::credentials::{FrameworkCredentials, Loaded, OpenStackCredentials};
use crate::openstack::{Keystone, Monasca, Tokens};
use crate::qos::units::Span;
use crate::token::{self, WebhookSecret};

use super::rules::{chronos_patience, cluster as cluster_of, marathon_patience};

/// Chronos, when there are credentials of it.
pub(super) fn chronos(settings: &Settings) -> Result<Option<(ChronosClient, ChronosPatience)>, SuperviseError> {
    let Some(path) = &settings.supervisor.credentials_chronos else { return Ok(None) };
    let options = transport(settings.chronos.request_timeout, settings.chronos.connect_timeout);
    let client = ChronosClient::new(warned(FrameworkCredentials::read_chronos(path)?), options)?;
    Ok(Some((client, chronos_patience(settings))))
}

/// Marathon, when there are credentials of it.
pub(super) fn marathon(settings: &Settings) -> Result<Option<(Arc<MarathonClient>, MarathonPatience)>, SuperviseError> {
    let Some(path) = &settings.supervisor.credentials_marathon else { return Ok(None) };
    let credentials = warned(FrameworkCredentials::read_marathon(path)?);
    let client = MarathonClient::new(credentials, marathon_transport(settings))?;
    Ok(Some((Arc::new(client), marathon_patience(settings))))
}

/// Keystone and Monasca, for all who use them.
pub(super) struct OpenStack {
    credentials: OpenStackCredentials,
    tokens: Tokens,
    options: TransportOptions,
}

impl OpenStack {
    /// Both, when there are credentials of them. Starts the actor that keeps the token; it logs in when one is wanted.
    pub(super) fn of(settings: &Settings) -> Result<Option<Self>, SuperviseError> {
        let Some(path) = &settings.supervisor.credentials_openstack else { return Ok(None) };
        let credentials = warned(OpenStackCredentials::read(path)?);
        let options = transport(settings.openstack.request_timeout, settings.openstack.connect_timeout);
        let keystone = Keystone::new(&credentials, &options)?;
        let tokens = Arc::new(KeptTokens::new(TokenActor::new(keystone).start()));
        Ok(Some(OpenStack { credentials, tokens, options }))
    }

    pub(super) fn monasca(&self) -> Result<Monasca, SuperviseError> {
        Ok(Monasca::new(&self.credentials, Arc::clone(&self.tokens), &self.options)?)
    }
}

/// What is shared among the jobs. Where its size is not configured the Mesos master is asked; nothing is shared as long as nobody can
/// be asked.
pub(super) fn cluster(settings: &Settings) -> Result<Option<ClusterStartup>, SuperviseError> {
    let cluster = cluster_of(settings);
    let master = match settings.cpu_source.kind {
        CpuSourceKind::Mesos => settings.elasticity.mesos_master.as_ref().or(settings.cpu_source.url.as_ref()),
        _ => settings.elasticity.mesos_master.as_ref(),
    };
    let size = match master.filter(|_| cluster.nodes.is_none()) {
        Some(master) => Some(ClusterSize {
            mesos: MesosClient::new(master.clone(), &marathon_transport(settings))?,
            node: settings.elasticity.node_cpus,
        }),
        None => None,
    };
    Ok((cluster.nodes.is_some() || size.is_some()).then_some(ClusterStartup { cluster, size }))
}

/// Who is told of what cannot wait.
pub(super) fn webhook(settings: &Settings) -> Result<Option<Webhook>, SuperviseError> {
    let w = &settings.webhooks;
    let Some(url) = w.url.clone() else { return Ok(None) };
    let secret = WebhookSecret::load(w.secret_file.as_deref(), &settings.supervisor.data_dir)?;
    let options = transport(w.request_timeout, w.request_timeout);
    Ok(Some(Webhook::new(url, secret, &options, w.unreachable_after.to_std(), w.give_up_after)?))
}

/// Who is asked for CPU times; `None` when the agents of the jobs tell them.
pub(super) fn cpu_source(
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

fn marathon_transport(settings: &Settings) -> TransportOptions {
    transport(settings.marathon.request_timeout, settings.marathon.connect_timeout)
}

fn transport(request_timeout: Span, connect_timeout: Span) -> TransportOptions {
    TransportOptions {
        request_timeout: request_timeout.to_std(),
        connect_timeout: connect_timeout.to_std(),
        cacert: None,
    }
}

/// Passes credentials on, and what there is to say about their file to the log.
fn warned<T>(loaded: Loaded<T>) -> T {
    for warning in &loaded.warnings {
        tracing::warn!("{warning}");
    }
    loaded.value
}
