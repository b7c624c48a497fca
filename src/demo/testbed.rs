//! The published cluster in this process: `local` with five nodes, and a supervisor beside it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use secrecy::SecretString;
use tokio::task::JoinHandle;

use super::options::DemoOptions;
use super::scaling::{CPUS_PER_NODE, NODES};
use super::settings;
use crate::clients::chronos::{ChronosClient, ChronosClientOptions};
use crate::clock::{Clock, SystemClock};
use crate::credentials::FrameworkCredentials;
use crate::events::store::DATABASE;
use crate::launcher::SupervisorApi;
use crate::local::executor::Executor;
use crate::local::{DelayRange, LocalCluster, LocalOptions};
use crate::qos::units::Cpus;
use crate::supervise::{self, Supervising};

/// Published period of the offers, s; and the least that is of use here.
const OFFERS: (f64, f64) = (1.0, 0.02);
/// From TERM to KILL. The jobs have nothing to save, and nobody likes to wait after Ctrl-C.
const KILL_GRACE: Duration = Duration::from_secs(1);

/// A cluster and its supervisor, both running.
pub struct Testbed {
    /// The cluster.
    pub cluster: LocalCluster,
    /// The supervisor.
    pub supervising: Supervising,
    /// The supervisor as the launcher sees it.
    pub api: SupervisorApi,
    /// The cluster as the launcher sees it.
    pub chronos: ChronosClient,
    /// Where their files are.
    pub files: Files,
    server: JoinHandle<io::Result<()>>,
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

    fn credentials(&self) -> PathBuf {
        self.dir.join("chronos.json")
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
        deployment_delay: DelayRange,
    ) -> anyhow::Result<Self> {
        std::fs::create_dir_all(files.data_dir()).with_context(|| files.data_dir().display().to_string())?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let speed = options.speed.get();
        let scaled = |seconds: f64, least: f64| Duration::from_secs_f64((seconds / speed).max(least));
        let cluster = LocalCluster::start(LocalOptions {
            chronos_version: options.chronos_version,
            nodes: NODES,
            cpus_per_node: Cpus::from_milli(CPUS_PER_NODE * 1000),
            deployment_delay,
            offer_interval: scaled(OFFERS.0, OFFERS.1),
            visibility_delay: scaled(0.1, 0.01),
            task_kill_grace: KILL_GRACE,
            seed: options.seed,
            ..LocalOptions::new(files.cluster_dir(), executor, Arc::clone(&clock))
        })?;
        let credentials = files.credentials();
        cluster.credentials().write(&credentials, &cluster.chronos_url()).context("credentials of the cluster")?;
        let settings = settings::supervisor(options.speed, options.policy, &files.data_dir(), &credentials)?;
        let (supervising, server) = supervise::start(&settings, clock).await?;
        let server = actix_rt::spawn(server);
        let clients = clients(&supervising, &credentials);
        let (api, chronos) = match clients {
            Ok(clients) => clients,
            Err(error) => {
                supervising.stop().await;
                return Err(error);
            }
        };
        Ok(Testbed { cluster, supervising, api, chronos, files, server })
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

fn clients(supervising: &Supervising, credentials: &Path) -> anyhow::Result<(SupervisorApi, ChronosClient)> {
    let transport = ChronosClientOptions::default();
    let token = std::fs::read_to_string(&supervising.token_file).context("the operator token")?;
    let url = format!("http://{}", supervising.address).parse().context("the supervisor's address")?;
    let api = SupervisorApi::new(url, Some(SecretString::from(token.trim())), &transport)?;
    let chronos = ChronosClient::new(FrameworkCredentials::read_chronos(credentials)?.value, transport)?;
    Ok((api, chronos))
}
