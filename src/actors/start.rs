//! Starting: open the log, replay the living jobs, take up the effects that wait. Replay never touches the network.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use actix::{Actor, Addr, Arbiter, Recipient};
use futures_util::{StreamExt, stream};
use tokio::sync::Semaphore;

use super::aside::Aside;
use super::chronos::{ChronosActor, ChronosPatience};
use super::cluster::{Begin, Cluster, ClusterActor};
use super::cluster_size::ClusterSize;
use super::cpu::{CpuSource, Nodes, Poll};
use super::directory::Directory;
use super::figures::Figures;
use super::job::JobContext;
use super::marathon::{MarathonActor, MarathonPatience};
use super::metrics::{self, MetricsPlan, MetricsStatus};
use super::outbox::{Changed, Outbox, Perform, Stop};
use super::performer::FrameworkStatus;
use super::registry::{Registry, Revive};
use super::replayed::{Replayed, replay};
use super::sample::Telling;
use super::snapshots::{self, Keeper};
use super::submit::Submit;
use super::supervisor::Supervisor;
use super::webhook::{self, Webhook, WebhookStatus};
use crate::clients::chronos::ChronosClient;
use crate::clients::marathon::MarathonClient;
use crate::clock::Clock;
use crate::credentials::flag_of;
use crate::events::job::{self, GrantReceived, Registered};
use crate::events::store::{EventStore, OpenError, OutboxRow, ReadError, StoreOptions};
use crate::events::upcast::UpcastError;
use crate::openstack::Monasca;
use crate::qos::arbitration::Standing;
use crate::qos::ids::{Framework, JobId};
use crate::qos::job::registration::Defaults;
use crate::qos::job::{Command, EffectKey};
use crate::qos::policy::PolicyChoice;

/// How many commands may be under way at once; more are refused with "overloaded".
pub(super) const COMMANDS_UNDER_WAY: usize = 4096;

/// Jobs for which the start records what it found at a time.
const AT_ONCE: usize = 256;

/// What a supervisor is started with.
pub struct Startup {
    /// Where the log is.
    pub data_dir: PathBuf,
    /// How it is kept.
    pub store: StoreOptions,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// What registrations take from the configuration.
    pub defaults: Defaults,
    /// Chronos, if the supervisor has its credentials, and how patient to be with it.
    pub chronos: Option<(ChronosClient, ChronosPatience)>,
    /// The same for Marathon.
    pub marathon: Option<(Arc<MarathonClient>, MarathonPatience)>,
    /// Who is asked for the CPU time of long-running jobs, unless their agents tell it.
    pub cpu_source: Option<Box<dyn CpuSource>>,
    /// Where metrics are sent to, if anywhere.
    pub metrics: Option<MetricsStartup>,
    /// Who is told of what cannot wait, if anybody.
    pub webhook: Option<Webhook>,
    /// What is shared among the jobs, when anybody says how much that is.
    pub cluster: Option<ClusterStartup>,
}

/// A cluster that is shared.
pub struct ClusterStartup {
    /// What there is, and how it is shared.
    pub cluster: Cluster,
    /// Who is asked how much there is, where that is not configured.
    pub size: Option<ClusterSize>,
}

/// Metrics that are sent.
pub struct MetricsStartup {
    /// Where to.
    pub monasca: Monasca,
    /// How.
    pub plan: MetricsPlan,
}

/// Why a supervisor could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The log could not be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The log could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// An event is of a schema that cannot be brought up to date.
    #[error(transparent)]
    Upcast(#[from] UpcastError),
    /// An event is not one of this program.
    #[error("event {seq}: {source}")]
    Decode {
        /// Its place in the log.
        seq: i64,
        /// What is wrong with it.
        source: job::DecodeError,
    },
    /// An actor ended while starting.
    #[error("the supervisor's actors ended while starting")]
    Actors,
}

/// A started supervisor.
pub struct Running {
    /// The handle for everybody else.
    pub supervisor: Supervisor,
    store: EventStore,
    outbox: Addr<Outbox>,
    core: Arbiter,
    sharing: Option<Arbiter>,
    aside: Aside,
    keeper: Option<Keeper>,
}

/// Starts the actors on an arbiter of their own and takes up where the log ends.
///
/// # Errors
/// When the log cannot be opened or holds what this program does not know.
pub async fn start(startup: Startup) -> Result<Running, StartError> {
    let store = EventStore::open(&startup.data_dir, startup.store)?;
    let log = store.log();
    let replay_from = log.clone();
    let snapshots = snapshots::file_in(&startup.data_dir);
    let known = snapshots.clone();
    let replayed = tokio::task::spawn_blocking(move || replay(&replay_from, &known));
    let Replayed { jobs: revived, cluster: head, believed, events } =
        replayed.await.map_err(|_| StartError::Actors)??;

    let core = Arbiter::new();
    let directory = Directory::default();
    let depth = Arc::new(AtomicUsize::new(0));
    let mut frameworks: BTreeMap<Framework, Arc<FrameworkStatus>> = BTreeMap::new();
    let mut performers: BTreeMap<Framework, Recipient<Perform>> = BTreeMap::new();
    if let Some((client, patience)) = startup.chronos {
        let status = Arc::new(FrameworkStatus::of("Chronos"));
        frameworks.insert(Framework::Chronos, Arc::clone(&status));
        let actor = ChronosActor::new(client, patience, status, directory.clone(), Arc::clone(&startup.clock));
        let actor = ChronosActor::start_in_arbiter(&core.handle(), move |_| actor);
        performers.insert(Framework::Chronos, actor.recipient());
    }
    let marathon_submit_timeout = startup.marathon.as_ref().map(|(_, patience)| patience.submit_timeout);
    if let Some((client, patience)) = startup.marathon {
        let status = Arc::new(FrameworkStatus::of("Marathon"));
        frameworks.insert(Framework::Marathon, Arc::clone(&status));
        let actor = MarathonActor::new(client, patience, status, directory.clone(), Arc::clone(&startup.clock));
        let actor = MarathonActor::start_in_arbiter(&core.handle(), move |_| actor);
        performers.insert(Framework::Marathon, actor.recipient());
    }
    let outbox = {
        let depth = Arc::clone(&depth);
        Outbox::start_in_arbiter(&core.handle(), move |_| Outbox::new(performers, depth))
    };
    let aside = Aside::start();
    let nodes = Nodes::default();
    let telling = match &startup.cpu_source {
        None => Telling::Agents,
        Some(source) if source.knows_the_container() => Telling::Container,
        Some(_) => Telling::Source,
    };
    let cpu_source = startup.cpu_source.map(|source| {
        let status = Arc::new(FrameworkStatus::of(source.name()));
        let poll = Poll {
            source,
            status: Arc::clone(&status),
            nodes: nodes.clone(),
            directory: directory.clone(),
            clock: Arc::clone(&startup.clock),
            monitoring_period: startup.defaults.monitoring_period.to_std(),
        };
        // Its answers are large: to read tens of megabytes takes longer than any decision.
        aside.run(async move |stop| {
            stop.run_until_cancelled(poll.run()).await;
        });
        status
    });
    let figures = Figures::default();
    // Rounds over thousands of jobs take longer than any decision: they have a thread of their own.
    let sharing = startup.cluster.as_ref().map(|_| Arbiter::new());
    let cluster = startup.cluster.zip(sharing.as_ref()).map(|(ClusterStartup { cluster, size }, sharing)| {
        let (log, clock, directory) = (log.clone(), Arc::clone(&startup.clock), directory.clone());
        let actor = move |_: &mut _| ClusterActor::new(cluster, head, log, clock, directory);
        let actor = ClusterActor::start_in_arbiter(&sharing.handle(), actor);
        if let Some(size) = size {
            let told = actor.clone();
            aside.run(async move |stop| {
                stop.run_until_cancelled(size.run(told)).await;
            });
        }
        actor
    });
    let context = JobContext {
        cluster: cluster.clone(),
        nodes,
        log: log.clone(),
        clock: Arc::clone(&startup.clock),
        outbox: outbox.clone(),
        telling,
        directory: directory.clone(),
        figures: figures.clone(),
    };
    let registry = Registry::start_in_arbiter(&core.handle(), move |_| Registry::new(context));

    // Pending work is exactly the outbox table.
    let mut pending: BTreeMap<JobId, Vec<_>> = BTreeMap::new();
    for row in log.pending_outbox().await? {
        if let Some(job) = row.stream.job() {
            pending.entry(job).or_default().push(row);
        }
    }
    let (jobs, mut found) = (revived.len(), Vec::new());
    let framework_of: BTreeMap<JobId, Framework> =
        revived.iter().map(|(job, state)| (*job, state.registered.framework)).collect();
    for (job, state) in revived {
        // In place nothing is asked of a framework.
        let resizing_to = state.resizing_to.filter(|_| !state.resizes_in_place());
        let granted = state.grant.clone().filter(|grant| grant.cap.is_some());
        let configured = startup.defaults.policies.settings(choice_of(&state.registered));
        let revive = Revive { state: Box::new(state), pending: keys_of(pending.get(&job)) };
        registry.send(revive).await.map_err(|_| StartError::Actors)?;
        let Some(entry) = directory.get(job) else { continue };
        let advice_only = configured.dry_run;
        let changed = Some(Command::SetPolicy(configured));
        // Nobody shares the cluster any more: nobody else would lift what was granted.
        let lifted = granted.filter(|_| cluster.is_none()).map(|grant| {
            let round = grant.round.saturating_add(1);
            Command::Grant(GrantReceived { round, cap: None, standing: Standing::Unlimited, place: None, node: None })
        });
        // The supervisor may have ended between the request and its answer.
        let reason = "it may have been under way when the supervisor ended".to_owned();
        let unanswered = resizing_to.filter(|_| !advice_only).map(|cpus| Command::CpusUnanswered { cpus, reason });
        found.push((job, entry.actor, changed.into_iter().chain(unanswered).chain(lifted)));
    }
    // Many jobs at a time: what is to be recorded of them goes to disk together.
    let recording = stream::iter(found).for_each_concurrent(AT_ONCE, async |(job, actor, commands)| {
        for command in commands {
            if let Ok(Err(error)) = actor.send(Submit::plain(command)).await {
                tracing::warn!(%job, %error, "what the start found could not be recorded");
            }
        }
    });
    recording.await;
    // Those commands may have settled effects that were pending before them; what they have added is in the outbox already.
    let still: BTreeSet<_> = log.pending_outbox().await?.into_iter().map(|row| row.id).collect();
    pending.values_mut().for_each(|rows| rows.retain(|row| still.contains(&row.id)));
    let effects = pending.values().map(Vec::len).sum::<usize>();
    tracing::info!(jobs, from_snapshots = believed.len(), events, effects, "replayed the event log");
    let mut waiting: BTreeMap<Framework, usize> = BTreeMap::new();
    for (job, added) in pending {
        // A job that is over has no effects.
        let Some(&framework) = framework_of.get(&job) else { continue };
        if !frameworks.contains_key(&framework) {
            *waiting.entry(framework).or_default() += 1;
        }
        outbox.send(Changed { job, framework, settled: vec![], added }).await.map_err(|_| StartError::Actors)?;
    }
    for (framework, jobs) in waiting {
        let flag = flag_of(framework);
        tracing::warn!(
            jobs,
            "jobs wait for {framework}, and this supervisor has no credentials for it: start it with {flag} to go on with them"
        );
    }
    if let Some(cluster) = &cluster {
        // What the last round may not have told any more, the first one tells.
        cluster.do_send(Begin);
    }
    let metrics = startup.metrics.map(|MetricsStartup { monasca, plan }| {
        let status = Arc::new(MetricsStatus::default());
        let (log, clock, sending) = (log.clone(), Arc::clone(&startup.clock), Arc::clone(&status));
        aside.run(move |stop| metrics::run(monasca, plan, log, clock, sending, stop));
        status
    });
    let mut telling_webhook = None;
    if let Some(webhook) = startup.webhook {
        let status = Arc::new(WebhookStatus::default());
        telling_webhook = Some(Arc::clone(&status));
        let (log, clock, frameworks) = (log.clone(), Arc::clone(&startup.clock), frameworks.clone());
        let around = webhook::Surroundings { log, clock, frameworks, status };
        webhook::begin(&around).await;
        aside.run(move |stop| webhook::run(webhook, around, stop));
    }
    let keeper = Keeper::start(snapshots, log.clone(), directory.clone(), believed)
        .inspect_err(|error| tracing::warn!(%error, "no snapshots are kept: the next start reads the whole log"));
    let supervisor = Supervisor {
        directory,
        registry,
        log,
        clock: startup.clock,
        defaults: Arc::new(startup.defaults),
        permits: Arc::new(Semaphore::new(COMMANDS_UNDER_WAY)),
        figures,
        outbox_depth: depth,
        surplus_not_recorded: Arc::default(),
        marathon_submit_timeout,
        frameworks,
        cpu_source,
        metrics,
        webhook: telling_webhook,
    };
    Ok(Running { supervisor, store, outbox, core, sharing, aside, keeper: keeper.ok() })
}

/// The keys of the effects that wait.
fn keys_of(rows: Option<&Vec<OutboxRow>>) -> BTreeSet<EffectKey> {
    rows.into_iter().flatten().filter_map(|row| EffectKey::named(&row.effect_key)).collect()
}

impl Running {
    /// Starts no more effects, commits what is queued and frees the data directory. Stop taking requests before.
    pub async fn stop(self) {
        // An outbox that is gone has no performers either.
        let _stopped = self.outbox.send(Stop).await;
        self.aside.stop().await;
        if let Some(sharing) = &self.sharing {
            sharing.stop();
        }
        if let Some(keeper) = self.keeper {
            keeper.stop().await;
        }
        self.store.close().await;
        self.core.stop();
    }
}

#[cfg(test)]
impl Running {
    /// The thread that decides.
    pub(super) async fn deciding_thread(&self) -> std::thread::ThreadId {
        let (tell, told) = tokio::sync::oneshot::channel();
        self.core.spawn_fn(move || tell.send(std::thread::current().id()).unwrap());
        told.await.unwrap()
    }
}

/// What a job has asked for. One that was registered before that was recorded keeps the policy that it was registered with: it may have
/// been asked for.
fn choice_of(registered: &Registered) -> PolicyChoice {
    let kept = PolicyChoice { policy: Some(registered.policy.policy.which()), dry_run: false };
    registered.choice.unwrap_or(kept)
}
