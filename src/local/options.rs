//! What a cluster is told when it is started.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

use super::chronos;
use super::chronos::version::ChronosVersion;
use super::credentials::Credentials;
use super::executor::{Executor, SharedNode};
use super::marathon;
use super::marathon::version::MarathonVersion;
use super::nodes::{Node, Nodes};
use super::openstack::Account;
use crate::clock::Clock;
use crate::qos::units::{Cpus, Span};

/// A shortest and a longest time, between which one is drawn uniformly.
pub type DelayRange = (Duration, Duration);

/// Everything a [`super::LocalCluster`] is told. [`LocalOptions::new`] has the defaults.
#[derive(Clone)]
pub struct LocalOptions {
    /// Where to listen; a loopback address.
    pub listen: IpAddr,
    /// Port of the Chronos API; 0 takes a free one.
    pub chronos_port: u16,
    /// Port of the Marathon API; 0 takes a free one.
    pub marathon_port: u16,
    /// Port of the Mesos master's and agents' API; 0 takes a free one.
    pub mesos_port: u16,
    /// Port of Keystone; 0 takes a free one.
    pub keystone_port: u16,
    /// Port of Monasca; 0 takes a free one.
    pub monasca_port: u16,
    /// Who may log in at Keystone; the first is whom the credentials file names.
    pub accounts: Vec<Account>,
    /// How long a token of Keystone is good for.
    pub token_lifetime: Duration,
    /// The agents of Monasca publish the containers' CPU time at this period.
    pub monasca_agent_period: Duration,
    /// Whose behaviour is served as Chronos.
    pub chronos_version: ChronosVersion,
    /// Whose behaviour is served as Marathon.
    pub marathon_version: MarathonVersion,
    /// How much CPU a task of Marathon may use; what it reserves is the same.
    pub marathon_limit: CpuLimit,
    /// The same for a task of Chronos.
    pub chronos_limit: CpuLimit,
    /// How many virtual nodes.
    pub nodes: u32,
    /// Virtual CPUs of each of them.
    pub cpus_per_node: Cpus,
    /// From the match of an offer to the start of the process, like the pull of an image; the CPU is reserved.
    pub deployment_delay: DelayRange,
    /// From the end of a process to the framework's knowing it; the job counts as running.
    pub teardown_delay: DelayRange,
    /// Offers come at this period.
    pub offer_interval: Duration,
    /// 2.4: how far ahead schedules are planned, and how often. 3.x: the longest time between two looks at them.
    pub schedule_horizon: Duration,
    /// From a failure to its retry.
    pub failure_retry: Duration,
    /// 3.x: how long a created job stays unknown.
    pub visibility_delay: Duration,
    /// From TERM to KILL when a task is killed and its app says nothing about it.
    pub task_kill_grace: Duration,
    /// Holds the jobs, the journal and the tasks' sandboxes.
    pub state_dir: PathBuf,
    /// Who may use the APIs of the frameworks.
    pub credentials: Credentials,
    /// Environment of every task.
    pub env: Vec<(String, String)>,
    /// Environment of the tasks of one node, or of each node: variables by the node's name.
    pub node_env: Vec<NodeVariable>,
    /// Of the choices of nodes and delays.
    pub seed: u64,
    /// Runs the tasks.
    pub executor: Arc<dyn Executor>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
}

/// How much CPU a task may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CpuLimit {
    /// What its job or app says, at most: as with Mesos agents that have `--cgroups_enable_cfs`.
    #[default]
    Quota,
    /// What its node has: as with agents that have not, where CPUs are shares of what is busy. What runs in the task
    /// may limit itself, and be given another limit without a new task.
    Node,
}

impl CpuLimit {
    /// The hard limit of a task that has reserved `cpus` on `node`, and the node where all of its tasks together are held to what it has.
    pub(super) fn of(self, cpus: Cpus, node: &Node) -> (Cpus, Option<SharedNode>) {
        match self {
            CpuLimit::Quota => (cpus, None),
            CpuLimit::Node => (node.total, Some(SharedNode { hostname: node.hostname.clone(), cpus: node.total })),
        }
    }
}

/// A variable that nodes give to their tasks; frameworks and jobs override it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeVariable {
    /// `node1`, `node2`, ...; every node when absent.
    pub node: Option<String>,
    /// Name of the variable.
    pub name: String,
    /// Its value.
    pub value: String,
}

/// An option that cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OptionError {
    /// Anybody who reaches this cluster runs commands as this user.
    #[error(
        "listen {0}: only a loopback address is allowed, such as 127.0.0.1; whoever reaches this port runs commands"
    )]
    NotLoopback(IpAddr),
    /// A cluster without nodes.
    #[error("nodes: at least 1 is needed")]
    NoNodes,
    /// Nodes without CPU.
    #[error("cpus: each node needs more than 0")]
    NoCpus,
    /// A Keystone that lets nobody in.
    #[error("accounts: at least 1 is needed")]
    NoAccounts,
    /// A time that cannot be nothing.
    #[error("{0}: more than 0 is needed")]
    Zero(&'static str),
    /// A variable for a node that is not there.
    #[error("node-env {0}: there is no such node; they are node1 to node{1}")]
    NoSuchNode(String, u32),
    /// A range whose end comes before its start.
    #[error("{0}: the longest time must not be shorter than the shortest")]
    Reversed(&'static str),
}

impl LocalOptions {
    /// Two nodes of two CPUs on free ports, offers each second, no delays but 3.x's visibility (0.1 s), random
    /// credentials.
    pub fn new(state_dir: PathBuf, executor: Arc<dyn Executor>, clock: Arc<dyn Clock>) -> Self {
        LocalOptions {
            listen: IpAddr::from([127, 0, 0, 1]),
            chronos_port: 0,
            marathon_port: 0,
            mesos_port: 0,
            keystone_port: 0,
            monasca_port: 0,
            accounts: vec![Account::random()],
            token_lifetime: Duration::from_secs(3600),
            monasca_agent_period: Duration::from_secs(15),
            chronos_version: ChronosVersion::default(),
            marathon_version: MarathonVersion::default(),
            marathon_limit: CpuLimit::default(),
            chronos_limit: CpuLimit::default(),
            nodes: 2,
            cpus_per_node: Cpus::from_milli(2000),
            deployment_delay: (Duration::ZERO, Duration::ZERO),
            teardown_delay: (Duration::ZERO, Duration::ZERO),
            offer_interval: Duration::from_secs(1),
            schedule_horizon: Duration::from_secs(60),
            failure_retry: Duration::from_secs(60),
            visibility_delay: Duration::from_millis(100),
            task_kill_grace: Duration::from_secs(3),
            state_dir,
            credentials: Credentials::random(),
            env: Vec::new(),
            node_env: Vec::new(),
            seed: 1,
            executor,
            clock,
        }
    }

    /// Checks what types cannot.
    ///
    /// # Errors
    /// Names the option and what would be right.
    pub fn validate(&self) -> Result<(), OptionError> {
        if !self.listen.is_loopback() {
            return Err(OptionError::NotLoopback(self.listen));
        }
        if self.nodes == 0 {
            return Err(OptionError::NoNodes);
        }
        if self.cpus_per_node.milli() == 0 {
            return Err(OptionError::NoCpus);
        }
        if self.accounts.is_empty() {
            return Err(OptionError::NoAccounts);
        }
        let times = [
            ("offer interval", self.offer_interval),
            ("schedule horizon", self.schedule_horizon),
            ("token lifetime", self.token_lifetime),
            ("Monasca agent period", self.monasca_agent_period),
        ];
        for (name, duration) in times {
            if duration.is_zero() {
                return Err(OptionError::Zero(name));
            }
        }
        for (name, (shortest, longest)) in
            [("deployment delay", self.deployment_delay), ("teardown delay", self.teardown_delay)]
        {
            if longest < shortest {
                return Err(OptionError::Reversed(name));
            }
        }
        for node in self.node_env.iter().filter_map(|variable| variable.node.as_ref()) {
            let number = node.strip_prefix("node").and_then(|number| number.parse().ok());
            if !number.is_some_and(|number: u32| (1..=self.nodes).contains(&number) && *node == format!("node{number}"))
            {
                return Err(OptionError::NoSuchNode(node.clone(), self.nodes));
            }
        }
        Ok(())
    }

    pub(super) fn chronos_settings(&self) -> chronos::core::Settings {
        chronos::core::Settings {
            version: self.chronos_version,
            horizon: self.schedule_horizon.into(),
            failure_retry: self.failure_retry.into(),
            visibility_delay: self.visibility_delay.into(),
            offer_interval: self.offer_interval.into(),
            deployment_delay: spans(self.deployment_delay),
            teardown_delay: spans(self.teardown_delay),
            env: self.env.clone(),
            limit: self.chronos_limit,
            seed: self.seed,
        }
    }

    pub(super) fn marathon_settings(&self, cluster: Uuid) -> marathon::core::Settings {
        marathon::core::Settings {
            version: self.marathon_version,
            limit: self.marathon_limit,
            cluster,
            offer_interval: self.offer_interval.into(),
            deployment_delay: spans(self.deployment_delay),
            teardown_delay: spans(self.teardown_delay),
            env: self.env.clone(),
            seed: self.seed,
        }
    }

    pub(super) fn make_nodes(&self) -> Nodes {
        let mut nodes = Nodes::new(self.nodes, self.cpus_per_node);
        for NodeVariable { node, name, value } in &self.node_env {
            nodes.set_env(node.as_deref(), name, value);
        }
        nodes
    }
}

fn spans((shortest, longest): DelayRange) -> (Span, Span) {
    (Span::from(shortest), Span::from(longest))
}
