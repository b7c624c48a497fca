//! A running cluster: its thread, its ports, its files.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;

use anyhow::Context;
use nix::fcntl::{Flock, FlockArg};
use tokio::sync::oneshot;
use uuid::Uuid;

use super::credentials::Credentials;
use super::driver::{Driver, Framework, State};
use super::journal::Journal;
use super::openstack::{Account, OpenStack};
use super::options::LocalOptions;
use super::servers::{Addresses, Inside, Ports};
use super::store::Store;
use super::usage::{JobUsage, Ledger};
use super::{agents, chronos, marathon};
use crate::openstack::Metric;

/// A cluster on this machine. It has a thread and a runtime of its own, so that it can be used beside any other.
///
/// Dropping it stops it too, and waits; [`LocalCluster::shutdown`] does so without blocking a runtime.
pub struct LocalCluster {
    driver: Arc<Driver>,
    addresses: Addresses,
    credentials: Credentials,
    accounts: Vec<Account>,
    openstack: Arc<OpenStack>,
    journal: PathBuf,
    stop: Option<oneshot::Sender<()>>,
    stopped: Option<oneshot::Receiver<()>>,
    thread: Option<JoinHandle<()>>,
}

impl LocalCluster {
    /// Starts a cluster and returns when it listens. Jobs that the state directory holds are taken up.
    ///
    /// # Errors
    /// For an impossible option, a port in use, a state directory that is not usable or in use by another cluster.
    pub fn start(options: LocalOptions) -> anyhow::Result<LocalCluster> {
        options.validate()?;
        let dir = &options.state_dir;
        std::fs::create_dir_all(dir).with_context(|| format!("state directory {}", dir.display()))?;
        let lock = lock(dir)?;
        let journal_path = dir.join("journal.jsonl");
        let (journal, entries) = Journal::open(&journal_path).context("the launch journal")?;
        let (jobs, job_records) = Store::open(&dir.join("jobs")).context("the stored jobs")?;
        let (apps, app_records) = Store::open(&dir.join("apps")).context("the stored apps")?;
        let mut ledger = Ledger::default();
        entries.iter().for_each(|entry| ledger.note(entry));
        let now = options.clock.now();
        let cluster = Uuid::new_v4();
        let mut chronos = chronos::core::Core::new(options.chronos_settings(), now);
        let mut marathon = marathon::core::Core::new(options.marathon_settings(cluster), now);
        let restored = [
            (Framework::Chronos, chronos.restore(job_records, &entries, now)),
            (Framework::Marathon, marathon.restore(app_records, &entries, now)),
        ];
        let mut nodes = options.make_nodes();
        nodes.count_on(&entries);
        let (running, executor) = (BTreeMap::new(), Some(options.executor.clone()));
        let state = State {
            chronos,
            marathon,
            nodes,
            ledger,
            journal,
            jobs,
            apps,
            running,
            active: 0,
            executor,
            closing: false,
        };
        let driver = Driver::new(state, options.clock.clone(), options.task_kill_grace, dir.join("sandboxes"));
        let bind = |name: &str, port| {
            let address = SocketAddr::new(options.listen, port);
            TcpListener::bind(address).with_context(|| format!("cannot listen on {address}: choose another {name}"))
        };
        let ports = Ports {
            chronos: bind("chronos-port", options.chronos_port)?,
            marathon: bind("marathon-port", options.marathon_port)?,
            mesos: bind("mesos-port", options.mesos_port)?,
            keystone: bind("keystone-port", options.keystone_port)?,
            monasca: bind("monasca-port", options.monasca_port)?,
        };
        let addresses = ports.addresses()?;
        let credentials = options.credentials.clone();
        let (stop, stop_wanted) = oneshot::channel();
        let (stopped_tx, stopped) = oneshot::channel();
        let (ready_tx, ready) = mpsc::channel();
        let accounts = options.accounts.clone();
        let openstack = Arc::new(OpenStack::new(accounts.clone(), options.token_lifetime, options.clock.clone()));
        let inside = Inside {
            driver: driver.clone(),
            credentials: credentials.clone(),
            addresses,
            cluster,
            openstack: Arc::clone(&openstack),
        };
        let (monasca_agent_period, env) = (options.monasca_agent_period, options.env.clone());
        let thread = std::thread::Builder::new().name("local-cluster".into()).spawn(move || {
            let system = actix_web::rt::System::new();
            system.block_on(async move {
                let servers = inside.serve(ports);
                let started = servers.as_ref().map(|_| ()).map_err(|e| io::Error::new(e.kind(), e.to_string()));
                let _ = ready_tx.send(started);
                let Ok(servers) = servers else { return };
                {
                    let mut state = inside.driver.lock();
                    for (framework, actions) in restored {
                        inside.driver.perform(&mut state, framework, actions);
                    }
                }
                let ticker = actix_web::rt::spawn(inside.driver.clone().run());
                let publishing =
                    agents::run(inside.driver.clone(), inside.openstack.clone(), monasca_agent_period, env);
                let agents = actix_web::rt::spawn(publishing);
                // Told to stop, or forgotten without a word: both end here.
                let _ = stop_wanted.await;
                ticker.abort();
                agents.abort();
                for server in servers {
                    server.stop(false).await;
                }
                inside.driver.close().await;
            });
            drop(lock);
            let _ = stopped_tx.send(());
        })?;
        ready.recv().context("the cluster's thread ended at once")?.context("cannot serve HTTP")?;
        Ok(LocalCluster {
            driver,
            addresses,
            credentials,
            accounts,
            openstack,
            journal: journal_path,
            stop: Some(stop),
            stopped: Some(stopped),
            thread: Some(thread),
        })
    }

    /// Where the Chronos API is, without the path prefix of its version.
    pub fn chronos_url(&self) -> String {
        format!("http://{}", self.addresses.chronos)
    }

    /// Where the Marathon API is, without `/v2`.
    pub fn marathon_url(&self) -> String {
        format!("http://{}", self.addresses.marathon)
    }

    /// Where the Mesos master's and agents' API is.
    pub fn mesos_url(&self) -> String {
        format!("http://{}", self.addresses.mesos)
    }

    /// Where Keystone is, without `/v3`.
    pub fn keystone_url(&self) -> String {
        format!("http://{}", self.addresses.keystone)
    }

    /// Where Monasca is, without `/v2.0`.
    pub fn monasca_url(&self) -> String {
        format!("http://{}", self.addresses.monasca)
    }

    /// Who may log in at Keystone.
    pub fn accounts(&self) -> &[Account] {
        &self.accounts
    }

    /// Everything that Monasca has stored, of all projects, in no particular order.
    pub fn metrics(&self) -> Vec<Metric> {
        self.openstack.metrics()
    }

    /// Who may use the APIs of the frameworks.
    pub fn credentials(&self) -> &Credentials {
        &self.credentials
    }

    /// The launch journal; [`super::journal::read`] reads it.
    pub fn journal_path(&self) -> &Path {
        &self.journal
    }

    /// What each job and app has reserved and used so far, by name; those that are gone included. Names of apps begin
    /// with a slash.
    pub fn usage(&self) -> BTreeMap<String, JobUsage> {
        let now = self.driver.now();
        self.driver.read(|state| state.ledger.usage(now, |seq| state.running.get(&seq).map(|task| task.usage())))
    }

    /// Stops listening and ends all tasks: TERM, KILL after the grace. Completes when no process of theirs is left.
    pub async fn shutdown(mut self) {
        self.stop.take();
        if let Some(stopped) = self.stopped.take() {
            let _ = stopped.await;
        }
    }
}

impl Drop for LocalCluster {
    fn drop(&mut self) {
        self.stop.take();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// One cluster at a time may use a state directory.
fn lock(dir: &Path) -> anyhow::Result<Flock<File>> {
    let path = dir.join("lock");
    let file = File::create(&path).with_context(|| format!("{}", path.display()))?;
    Flock::lock(file, FlockArg::LockExclusiveNonblock).map_err(|(_, errno)| {
        anyhow::anyhow!("the state directory {} is in use by another cluster ({errno}): choose another", dir.display())
    })
}
