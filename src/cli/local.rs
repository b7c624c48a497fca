//! `mesos-qos local`: a cluster on this machine until it is told to stop.

use std::io::Write;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use clap::{Args, ValueEnum};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::delay::{parse_duration, parse_range};
use crate::clock::SystemClock;
use crate::config::LogFormat;
use crate::local::executor::Executor;
use crate::local::executor::docker::{DockerExecutor, DockerOptions};
use crate::local::executor::process::limiter::LimiterChoice;
use crate::local::executor::process::{ProcessExecutor, ProcessOptions};
use crate::local::openstack::Account;
use crate::local::{
    ChronosVersion, CpuLimit, Credentials, DelayRange, LocalCluster, LocalOptions, MarathonVersion, NodeVariable,
};
use crate::qos::units::Cpus;

/// Of the machine's cores, what tasks may have together; the rest is for the cluster itself and the supervisor.
const SHARE_OF_CORES: f64 = 0.85;

/// Run a cluster on this machine: the Chronos and Marathon APIs over real, CPU-limited processes, and Keystone and Monasca
#[derive(Debug, Args)]
pub struct LocalArgs {
    /// Loopback address to listen on
    #[arg(long, default_value = "127.0.0.1", value_name = "ADDRESS")]
    pub listen: IpAddr,
    /// Port of the Chronos API; 0 takes a free one
    #[arg(long, default_value_t = 4400, value_name = "PORT")]
    pub chronos_port: u16,
    /// Port of the Marathon API; 0 takes a free one
    #[arg(long, default_value_t = 8080, value_name = "PORT")]
    pub marathon_port: u16,
    /// Port of the Mesos master's and agents' API (slaves, state, monitor/statistics); 0 takes a free one
    #[arg(long, default_value_t = 5050, value_name = "PORT")]
    pub mesos_port: u16,
    /// Port of Keystone; 0 takes a free one
    #[arg(long, default_value_t = 35357, value_name = "PORT")]
    pub keystone_port: u16,
    /// Port of Monasca; 0 takes a free one
    #[arg(long, default_value_t = 8070, value_name = "PORT")]
    pub monasca_port: u16,
    /// How long a token of Keystone is good for
    #[arg(long, default_value = "1h", value_parser = parse_duration, value_name = "TIME")]
    pub token_lifetime: Duration,
    /// How often the agents of Monasca publish the CPU time of each container
    #[arg(long, default_value = "15s", value_parser = parse_duration, value_name = "TIME")]
    pub monasca_agent_period: Duration,
    /// Behave as this Chronos
    #[arg(long, default_value = "3.0", value_name = "2.4|3.0")]
    pub chronos_version: ChronosVersion,
    /// Behave as this Marathon
    #[arg(long, default_value = "1.5", value_name = "1.1|1.4|1.5")]
    pub marathon_version: MarathonVersion,
    /// CPU that a task of Marathon may use: its own, or all of its node as with Mesos agents without CFS quotas
    #[arg(long, default_value = "quota", value_name = "LIMIT")]
    pub marathon_limit: LimitKind,
    /// CPU that a task of Chronos may use: its own, or all of its node as with Mesos agents without CFS quotas
    #[arg(long, default_value = "quota", value_name = "LIMIT")]
    pub chronos_limit: LimitKind,
    /// What runs the tasks
    #[arg(long, default_value = "auto", value_name = "KIND")]
    pub executor: ExecutorKind,
    /// Virtual nodes
    #[arg(long, default_value_t = 5, value_name = "N")]
    pub nodes: u32,
    /// Virtual CPUs of each node
    #[arg(long, default_value = "2", value_parser = parse_cpus, value_name = "N")]
    pub cpus: Cpus,
    /// Time from the match of an offer to the start of the process, such as 20s..30s
    #[arg(long, default_value = "0s", value_parser = parse_range, value_name = "A..B")]
    pub deployment_delay: DelayRange,
    /// Time from the end of a process to the framework's knowing it, such as 100ms..2s
    #[arg(long, default_value = "0s", value_parser = parse_range, value_name = "A..B")]
    pub teardown_delay: DelayRange,
    /// Period of the resource offers
    #[arg(long, default_value = "1s", value_parser = parse_duration, value_name = "TIME")]
    pub offer_interval: Duration,
    /// How far ahead (2.4), and how often at least, schedules are looked at
    #[arg(long, default_value = "60s", value_parser = parse_duration, value_name = "TIME")]
    pub schedule_horizon: Duration,
    /// Time from a failure to its retry
    #[arg(long, default_value = "60s", value_parser = parse_duration, value_name = "TIME")]
    pub failure_retry: Duration,
    /// Time from TERM to KILL when a task is killed and its app says nothing about it
    #[arg(long, default_value = "3s", value_parser = parse_duration, value_name = "TIME")]
    pub task_kill_grace: Duration,
    /// Variable for the tasks of every node, or of one, such as node1:SHELL_TRAP_CPU_FACTOR=0.5; may be given again
    #[arg(long, value_parser = parse_node_variable, value_name = "[NODE:]NAME=VALUE")]
    pub node_env: Vec<NodeVariable>,
    /// Seed of the choices of nodes and delays
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub seed: u64,
    /// Directory for jobs, apps, the launch journal and the tasks' sandboxes
    #[arg(long, default_value = "mesos-qos-local", value_name = "DIR")]
    pub state_dir: PathBuf,
    /// Directory for chronos.json, marathon.json and openstack.json, the credentials that the other commands take [default:
    /// the state directory]
    #[arg(long, value_name = "DIR")]
    pub credentials_dir: Option<PathBuf>,
}

/// CPU that a task may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LimitKind {
    /// What its job or app says
    Quota,
    /// What its node has
    Node,
}

impl From<LimitKind> for CpuLimit {
    fn from(kind: LimitKind) -> Self {
        match kind {
            LimitKind::Quota => CpuLimit::Quota,
            LimitKind::Node => CpuLimit::Node,
        }
    }
}

/// What runs the tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ExecutorKind {
    /// Processes, limited in the best way that works here
    Auto,
    /// Processes under control groups, or stopped and continued where there are none
    Process,
    /// Containers of the Docker daemon on this machine, in the image that each job names
    Docker,
}

/// Runs a cluster until SIGTERM or SIGINT; then ends all tasks. `out` gets the addresses.
///
/// # Errors
/// When the cluster cannot be started: names the option and what would be right.
pub fn run(args: LocalArgs, mut out: impl Write) -> anyhow::Result<()> {
    // Before anything is started: a signal that comes early must not leave tasks behind.
    let mut signals = Signals::new([SIGTERM, SIGINT]).context("cannot watch for signals")?;
    let _log = crate::logging::init(LogFormat::Text, None)?;
    std::fs::create_dir_all(&args.state_dir).with_context(|| format!("--state-dir {}", args.state_dir.display()))?;
    // Absolute: tasks run in their sandboxes.
    let state_dir = std::path::absolute(&args.state_dir)?;
    let factor = cpu_factor(&args);
    // Drives the connections to a Docker daemon for as long as the cluster lives.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let executor = runtime.block_on(executor(&args, &state_dir, factor))?;
    let kind = executor.describe();
    let mut options = options(&args, state_dir.clone(), executor);
    let credentials_dir = args.credentials_dir.unwrap_or(state_dir);
    // Whoever knew this cluster before it ended knows it still.
    let known =
        ["chronos.json", "marathon.json"].iter().find_map(|name| Credentials::kept(&credentials_dir.join(name)));
    options.credentials = known.unwrap_or(options.credentials);
    if let Some(account) = Account::kept(&credentials_dir.join("openstack.json")) {
        options.accounts = vec![account];
    }
    let cluster = LocalCluster::start(options)?;
    std::fs::create_dir_all(&credentials_dir).context("--credentials-dir")?;
    // Whoever waits for chronos.json finds the others too.
    if let Some(account) = cluster.accounts().first() {
        let file = credentials_dir.join("openstack.json");
        let written = account.write(&file, &cluster.keystone_url(), &cluster.monasca_url());
        written.with_context(|| format!("{}", file.display()))?;
    }
    let files = [("marathon.json", cluster.marathon_url()), ("chronos.json", cluster.chronos_url())];
    for (name, url) in &files {
        let file = credentials_dir.join(name);
        cluster.credentials().write(&file, url).with_context(|| format!("{}", file.display()))?;
    }
    writeln!(out, "chronos      {} ({})", cluster.chronos_url(), args.chronos_version)?;
    writeln!(out, "marathon     {} ({})", cluster.marathon_url(), args.marathon_version)?;
    writeln!(out, "mesos        {}", cluster.mesos_url())?;
    writeln!(out, "keystone     {}", cluster.keystone_url())?;
    writeln!(out, "monasca      {}", cluster.monasca_url())?;
    let dir = credentials_dir.display();
    writeln!(out, "credentials  {dir}/chronos.json, {dir}/marathon.json, {dir}/openstack.json")?;
    writeln!(out, "journal      {}", cluster.journal_path().display())?;
    writeln!(out, "nodes        {} with {} CPUs, {factor:.4} of a core each, {kind}", args.nodes, args.cpus)?;
    out.flush()?;
    signals.forever().next();
    drop(cluster);
    Ok(())
}

/// Real cores behind one virtual CPU.
fn cpu_factor(args: &LocalArgs) -> f64 {
    let cores = std::thread::available_parallelism().map_or(1, usize::from) as f64;
    let virtual_cpus = f64::from(args.nodes) * args.cpus.as_f64();
    // A virtual CPU is never more than a core: a small cluster on a large machine is no faster than a real one.
    (SHARE_OF_CORES * cores / virtual_cpus.max(0.001)).min(1.0)
}

async fn executor(args: &LocalArgs, state_dir: &Path, cpu_factor: f64) -> anyhow::Result<Arc<dyn Executor>> {
    match args.executor {
        ExecutorKind::Docker => {
            let options = DockerOptions {
                cpu_factor,
                state_dir: state_dir.join("executor"),
                host: None,
                image: None,
                env: Vec::new(),
            };
            Ok(Arc::new(DockerExecutor::connect(options).await.context("--executor docker")?))
        }
        ExecutorKind::Auto | ExecutorKind::Process => {
            let options = ProcessOptions {
                cpu_factor,
                state_dir: state_dir.join("executor"),
                limiter: LimiterChoice::Auto,
                env: Vec::new(),
            };
            Ok(Arc::new(ProcessExecutor::new(options)?))
        }
    }
}

fn options(args: &LocalArgs, state_dir: PathBuf, executor: Arc<dyn Executor>) -> LocalOptions {
    LocalOptions {
        listen: args.listen,
        chronos_port: args.chronos_port,
        marathon_port: args.marathon_port,
        mesos_port: args.mesos_port,
        keystone_port: args.keystone_port,
        monasca_port: args.monasca_port,
        token_lifetime: args.token_lifetime,
        monasca_agent_period: args.monasca_agent_period,
        chronos_version: args.chronos_version,
        marathon_version: args.marathon_version,
        marathon_limit: args.marathon_limit.into(),
        chronos_limit: args.chronos_limit.into(),
        nodes: args.nodes,
        cpus_per_node: args.cpus,
        deployment_delay: args.deployment_delay,
        teardown_delay: args.teardown_delay,
        offer_interval: args.offer_interval,
        schedule_horizon: args.schedule_horizon,
        failure_retry: args.failure_retry,
        task_kill_grace: args.task_kill_grace,
        node_env: args.node_env.clone(),
        seed: args.seed,
        ..LocalOptions::new(state_dir, executor, Arc::new(SystemClock))
    }
}

fn parse_cpus(text: &str) -> Result<Cpus, String> {
    let number: f64 = text.parse().map_err(|_| format!("{text:?} is no number of CPUs"))?;
    Cpus::try_from_f64(number).map_err(|e| e.to_string())
}

fn parse_node_variable(text: &str) -> Result<NodeVariable, String> {
    let wrong = || format!("{text:?}: NAME=VALUE or NODE:NAME=VALUE is wanted");
    let (name, value) = text.split_once('=').ok_or_else(wrong)?;
    let (node, name) = match name.split_once(':') {
        Some((node, name)) => (Some(node.to_owned()), name),
        None => (None, name),
    };
    if name.is_empty() || node.as_ref().is_some_and(String::is_empty) {
        return Err(wrong());
    }
    Ok(NodeVariable { node, name: name.to_owned(), value: value.to_owned() })
}
