//! The published cluster in this process: `local` with five nodes, and a supervisor beside it.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use secrecy::SecretString;
use tokio::task::JoinHandle;

use super::options::DemoOptions;
use super::scaling::{CPUS_PER_NODE, NODES, Speed};
use super::settings;
use crate::clients::chronos::ChronosClient;
use crate::clients::marathon::{AppId, MarathonClient};
use crate::clients::transport::TransportOptions;
use crate::clock::{Clock, SystemClock};
use crate::config::RescaleMode;
use crate::credentials::FrameworkCredentials;
use crate::events::store::DATABASE;
use crate::launcher::SupervisorApi;
use crate::local::executor::Executor;
use crate::local::{CpuLimit, DelayRange, LocalCluster, LocalOptions, NodeVariable};
use crate::qos::ids::Framework;
use crate::qos::units::Cpus;
use crate::supervise::{self, Supervising};

/// Published period of the offers, s; and the least that is of use here.
const OFFERS: (f64, f64) = (0.5, 0.01);
/// Published period of the nodes' agents, s; and the least that is of use here.
const AGENTS: (f64, f64) = (15.0, 0.5);
/// From TERM to KILL. Most jobs have nothing to save, and nobody likes to wait after Ctrl-C.
pub const KILL_GRACE: Duration = Duration::from_secs(1);

/// A cluster and its supervisor, both running.
pub struct Testbed {
    /// The cluster.
    pub cluster: LocalCluster,
    /// The supervisor.
    pub supervising: Supervising,
    /// The supervisor as the launcher sees it.
    pub api: SupervisorApi,
    /// The cluster as the launcher sees it.
    pub client: Client,
    /// Where their files are.
    pub files: Files,
    server: JoinHandle<io::Result<()>>,
}

/// The framework that runs the jobs.
#[derive(Debug)]
pub enum Client {
    /// Of repeated jobs.
    Chronos(ChronosClient),
    /// Of long-running ones.
    Marathon(MarathonClient),
}

/// What is different from case to case.
#[derive(Debug)]
pub struct Plan {
    /// Who runs the jobs.
    pub framework: Framework,
    /// Published times are divided by this.
    pub speed: Speed,
    /// From the match of an offer to the start of a task.
    pub deployment_delay: DelayRange,
    /// Environment of the tasks.
    pub node_env: Vec<NodeVariable>,
    /// How jobs get their new CPU.
    pub rescale: RescaleMode,
    /// From TERM to KILL when the cluster is told to end.
    pub kill_grace: Duration,
}

/// Where a testbed keeps its files; they outlive it.
#[derive(Debug, Clone)]
pub struct Files {
    dir: PathBuf,
}

impl Files {
    /// The files of one case below the demo's directory.
    pub fn below(dir: &Path, case: &str) -> Self {
        Files { dir: dir.join(format!("case-{case}")) }
    }

    /// The event log.
    pub fn event_log(&self) -> PathBuf {
        self.data_dir().join(DATABASE)
    }

    /// The cluster's launch journal.
    pub fn journal(&self) -> PathBuf {
        self.cluster_dir().join("journal.jsonl")
    }

    /// What a task printed: `stdout` or `stderr`.
    pub fn output(&self, seq: u64, stream: &str) -> PathBuf {
        self.cluster_dir().join("sandboxes").join(seq.to_string()).join(stream)
    }

    fn data_dir(&self) -> PathBuf {
        self.dir.join("supervisor")
    }

    fn cluster_dir(&self) -> PathBuf {
        self.dir.join("cluster")
    }

    fn credentials(&self, framework: Framework) -> PathBuf {
        self.dir.join(format!("{framework}.json"))
    }

    fn openstack(&self) -> PathBuf {
        self.dir.join("openstack.json")
    }
}

impl Testbed {
    /// Starts both on free loopback ports; must be called within an actix system.
    ///
    /// # Errors
    /// When one of them cannot be started; nothing is left running then.
    pub async fn start(
        options: &DemoOptions,
        files: Files,
        executor: Arc<dyn Executor>,
        plan: Plan,
    ) -> anyhow::Result<Self> {
        std::fs::create_dir_all(files.data_dir()).with_context(|| files.data_dir().display().to_string())?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let Plan { framework, speed, deployment_delay, node_env, rescale, kill_grace } = plan;
        let scaled = |seconds: f64, least: f64| Duration::from_secs_f64((seconds / speed.get()).max(least));
        let cluster = LocalCluster::start(LocalOptions {
            chronos_version: options.chronos_version,
            nodes: NODES,
            cpus_per_node: Cpus::from_milli(CPUS_PER_NODE * 1000),
            deployment_delay,
            offer_interval: scaled(OFFERS.0, OFFERS.1),
            monasca_agent_period: scaled(AGENTS.0, AGENTS.1),
            visibility_delay: scaled(0.1, 0.01),
            task_kill_grace: kill_grace,
            // The agent holds its job to the limit, which may change while it runs.
            marathon_limit: CpuLimit::Node,
            chronos_limit: if rescale == RescaleMode::InPlace { CpuLimit::Node } else { CpuLimit::Quota },
            node_env,
            seed: options.seed,
            ..LocalOptions::new(files.cluster_dir(), executor, Arc::clone(&clock))
        })?;
        let credentials = files.credentials(framework);
        let url = match framework {
            Framework::Chronos => cluster.chronos_url(),
            Framework::Marathon => cluster.marathon_url(),
        };
        cluster.credentials().write(&credentials, &url).context("credentials of the cluster")?;
        let openstack = files.openstack();
        let account = cluster.accounts().first().context("Keystone has no account")?;
        let written = account.write(&openstack, &cluster.keystone_url(), &cluster.monasca_url());
        written.context("credentials of OpenStack")?;
        let step_down = (framework == Framework::Marathon).then_some(options.step_down);
        let settings = settings::Demo { speed, policy: options.policy, framework, rescale, step_down };
        let (supervising, server) =
            supervise::start(&settings.supervisor(&files.data_dir(), &credentials, &openstack)?, clock).await?;
        let server = actix_rt::spawn(server);
        let clients = clients(&supervising, framework, &credentials);
        let (api, client) = match clients {
            Ok(clients) => clients,
            Err(error) => {
                supervising.stop().await;
                return Err(error);
            }
        };
        Ok(Testbed { cluster, supervising, api, client, files, server })
    }

    /// What the framework says of each of its jobs.
    ///
    /// # Errors
    /// When it does not answer; in its words.
    pub async fn activities(&self) -> Result<BTreeMap<String, String>, String> {
        let words = |text: String| text.to_lowercase();
        match &self.client {
            Client::Chronos(client) => {
                let jobs = client.summary().await.map_err(|error| error.to_string())?;
                Ok(jobs.into_iter().map(|(name, activity)| (name, words(format!("{activity:?}")))).collect())
            }
            Client::Marathon(client) => {
                let mut apps = BTreeMap::new();
                for app in client.apps().await.map_err(|error| error.to_string())? {
                    apps.insert(app.id.to_string(), of_app(client, &app.id).await?);
                }
                Ok(apps)
            }
        }
    }

    /// Ends all tasks, then the supervisor, to which they still report their end.
    pub async fn stop(self) {
        self.cluster.shutdown().await;
        self.supervising.stop().await;
        if let Ok(Err(error)) = self.server.await {
            tracing::error!(%error, "the supervisor's server");
        }
    }
}

async fn of_app(client: &MarathonClient, id: &AppId) -> Result<String, String> {
    let app = client.find(id).await.map_err(|error| error.to_string())?;
    let Some(app) = app else { return Ok("not there".to_owned()) };
    Ok(format!(
        "{} staged and {} running tasks, {} deployments",
        app.tasks_staged,
        app.tasks_running,
        app.deployments().count()
    ))
}

fn clients(
    supervising: &Supervising,
    framework: Framework,
    credentials: &Path,
) -> anyhow::Result<(SupervisorApi, Client)> {
    let transport = TransportOptions::default();
    let token = std::fs::read_to_string(&supervising.token_file).context("the operator token")?;
    let url = format!("http://{}", supervising.address).parse().context("the supervisor's address")?;
    let api = SupervisorApi::new(url, Some(SecretString::from(token.trim())), &transport)?;
    let client = match framework {
        Framework::Chronos => {
            Client::Chronos(ChronosClient::new(FrameworkCredentials::read_chronos(credentials)?.value, transport)?)
        }
        Framework::Marathon => {
            Client::Marathon(MarathonClient::new(FrameworkCredentials::read_marathon(credentials)?.value, transport)?)
        }
    };
    Ok((api, client))
}
