//! A running cluster: its thread, its ports, its files.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;

use actix_web::dev::{Server, ServerHandle};
use actix_web::http::header::{self, HeaderValue};
use actix_web::{App, HttpServer, web};
use anyhow::Context;
use nix::fcntl::{Flock, FlockArg};
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use uuid::Uuid;

use super::credentials::Credentials;
use super::driver::{Driver, Framework, State};
use super::guard;
use super::journal::Journal;
use super::mesos;
use super::options::LocalOptions;
use super::store::Store;
use super::usage::{JobUsage, Ledger};
use super::{chronos, marathon};

/// A cluster on this machine. It has a thread and a runtime of its own, so that it can be used beside any other.
///
/// Dropping it stops it too, and waits; [`LocalCluster::shutdown`] does so without blocking a runtime.
pub struct LocalCluster {
    driver: Arc<Driver>,
    addresses: Addresses,
    credentials: Credentials,
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
        let bind = |port| {
            let address = SocketAddr::new(options.listen, port);
            TcpListener::bind(address).with_context(|| format!("cannot listen on {address}"))
        };
        let ports = Ports {
            chronos: bind(options.chronos_port)?,
            marathon: bind(options.marathon_port)?,
            mesos: bind(options.mesos_port)?,
        };
        let addresses = ports.addresses()?;
        let credentials = options.credentials.clone();
        let (stop, stop_wanted) = oneshot::channel();
        let (stopped_tx, stopped) = oneshot::channel();
        let (ready_tx, ready) = mpsc::channel();
        let inside = Inside { driver: driver.clone(), credentials: credentials.clone(), addresses, cluster };
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
                // Told to stop, or forgotten without a word: both end here.
                let _ = stop_wanted.await;
                ticker.abort();
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

/// The ports that the cluster listens on.
struct Ports {
    chronos: TcpListener,
    marathon: TcpListener,
    mesos: TcpListener,
}

/// Their addresses.
#[derive(Clone, Copy)]
struct Addresses {
    chronos: SocketAddr,
    marathon: SocketAddr,
    mesos: SocketAddr,
}

impl Ports {
    fn addresses(&self) -> io::Result<Addresses> {
        let Ports { chronos, marathon, mesos } = self;
        Ok(Addresses { chronos: chronos.local_addr()?, marathon: marathon.local_addr()?, mesos: mesos.local_addr()? })
    }
}

/// What the cluster's own thread holds.
struct Inside {
    driver: Arc<Driver>,
    credentials: Credentials,
    addresses: Addresses,
    cluster: Uuid,
}

impl Inside {
    fn serve(&self, ports: Ports) -> io::Result<Vec<ServerHandle>> {
        let servers = [self.chronos(ports.chronos)?, self.marathon(ports.marathon)?, self.mesos(ports.mesos)?];
        let handles = servers.iter().map(Server::handle).collect();
        for server in servers {
            actix_web::rt::spawn(server);
        }
        Ok(handles)
    }

    fn chronos(&self, port: TcpListener) -> io::Result<Server> {
        let version = self.driver.read(|state| state.chronos.version());
        let any = (header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        let headers = if version.is_v3() { vec![any] } else { Vec::new() };
        let access = web::Data::new(guard::Access { credentials: self.credentials.clone(), headers });
        let address = self.addresses.chronos;
        let api = web::Data::new(chronos::http::Api::new(self.driver.clone(), version, address, Handle::current()));
        let server = HttpServer::new(move || {
            App::new()
                .app_data(access.clone())
                .app_data(api.clone())
                .wrap(actix_web::middleware::from_fn(guard::authenticated))
                .configure(|config| chronos::http::routes(config, version))
        });
        Ok(server.workers(1).disable_signals().shutdown_timeout(1).listen(port)?.run())
    }

    fn marathon(&self, port: TcpListener) -> io::Result<Server> {
        let address = self.addresses.marathon;
        let headers = marathon::http::headers(address);
        let access = web::Data::new(guard::Access { credentials: self.credentials.clone(), headers });
        let api = web::Data::new(marathon::http::Api::new(self.driver.clone(), address, Handle::current()));
        let server = HttpServer::new(move || {
            App::new()
                .app_data(access.clone())
                .app_data(api.clone())
                .wrap(actix_web::middleware::from_fn(guard::authenticated))
                .configure(marathon::http::routes)
        });
        Ok(server.workers(1).disable_signals().shutdown_timeout(1).listen(port)?.run())
    }

    fn mesos(&self, port: TcpListener) -> io::Result<Server> {
        let view = web::Data::new(mesos::View::new(self.driver.clone(), self.cluster, self.addresses.mesos));
        let server = HttpServer::new(move || {
            App::new()
                .app_data(view.clone())
                .wrap(actix_web::middleware::from_fn(guard::local_host_only))
                .configure(mesos::routes)
        });
        Ok(server.workers(1).disable_signals().shutdown_timeout(1).listen(port)?.run())
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
