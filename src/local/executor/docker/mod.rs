//! Tasks as Docker containers under a hard CPU quota.
//!
//! Containers are created by the `docker` command (`create`), which knows every option that a job may name, and run
//! over the daemon's API (`api`), which costs a tenth of a process for each call. CPU time is read from the kernel
//! (`cgroup`), output goes to the sandbox (`logs`).

mod api;
mod cgroup;
mod create;
pub mod image;
mod logs;
mod task;

use std::fs::File;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tokio::sync::watch;

use self::api::Api;
use self::cgroup::{Counter, Hierarchies};
use self::logs::Demultiplexer;
use self::task::{DockerTask, Handle};
use super::limit::{Bandwidth, CpuFactor};
use super::name::safe_name;
use super::process::CPU_FACTOR_VARIABLE;
use super::process::limiter::files;
use super::process::orphans::{Record, StateDir};
use super::{Executor, ExecutorError, RunningTask, TaskSpec};

/// How a Docker executor works.
#[derive(Debug, Clone)]
pub struct DockerOptions {
    /// Real cores behind one virtual CPU.
    pub cpu_factor: f64,
    /// Where running containers are recorded, so that the next start removes what a crash left. One executor at a time.
    pub state_dir: PathBuf,
    /// `unix://PATH` or `tcp://HOST:PORT`; without it `DOCKER_HOST`, then the usual socket.
    pub host: Option<String>,
    /// The image of a task that names none.
    pub image: Option<String>,
    /// Environment of every task; a task's own entries win.
    pub env: Vec<(String, String)>,
}

/// Runs tasks as containers of a daemon on this machine.
pub struct DockerExecutor {
    inner: Arc<Inner>,
    host: String,
    options: DockerOptions,
    label: String,
    swept: usize,
}

pub(in crate::local::executor) struct Inner {
    api: Api,
    factor: CpuFactor,
    hierarchies: Hierarchies,
    tasks: Mutex<Vec<Weak<DockerTask>>>,
    state: StateDir,
}

impl DockerExecutor {
    /// Whether a daemon answers at `host` (default as in [`DockerOptions`]) and its command is installed.
    pub async fn detect(host: Option<&str>) -> bool {
        let daemon = async { Api::at(&host_or_usual(host))?.info().await };
        let command = tokio::process::Command::new("docker").arg("--version").output().await;
        daemon.await.is_ok() && command.is_ok_and(|output| output.status.success())
    }

    /// Connects, and removes the containers that an earlier executor with the same state directory left.
    ///
    /// # Errors
    /// When no daemon answers, it is not on this machine, or the state directory is not usable.
    pub async fn connect(options: DockerOptions) -> Result<Self, ExecutorError> {
        let factor = CpuFactor::new(options.cpu_factor)?;
        let host = host_or_usual(options.host.as_deref());
        let api = Api::at(&host)?;
        let unreachable =
            |error| ExecutorError(format!("no Docker daemon at {host} (DOCKER_HOST names another): {error}"));
        let hierarchies = Hierarchies::of(&api.info().await.map_err(unreachable)?)?;
        let (state, killed) = StateDir::open(&options.state_dir)?;
        // The directory is what names an executor over its restarts.
        let directory = options.state_dir.canonicalize().unwrap_or_else(|_| options.state_dir.clone());
        let label = format!("mesos-qos.executor={}", safe_name(&directory.display().to_string()));
        let left = api.labelled(&label).await?;
        for id in &left {
            api.remove(id).await?;
        }
        if !left.is_empty() {
            tracing::warn!(containers = left.len(), processes = killed, "removed what an earlier run left");
        }
        let inner = Arc::new(Inner { api, factor, hierarchies, tasks: Mutex::default(), state });
        Ok(DockerExecutor { inner, host, options, label, swept: left.len() })
    }

    /// How many containers of an earlier run the start found and removed.
    pub fn swept(&self) -> usize {
        self.swept
    }

    /// The label, `key=value`, of this executor's containers.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// Ends every container (TERM, KILL after `grace`) and completes when all are removed.
    pub async fn shutdown(&self, grace: Duration) {
        let tasks: Vec<_> = self.inner.tasks().iter().filter_map(Weak::upgrade).collect();
        tasks.iter().for_each(|task| task.begin_kill(grace));
        for task in tasks {
            task.end().await;
        }
    }

    fn environment(&self, spec: &TaskSpec) -> Vec<(String, String)> {
        let factor = (CPU_FACTOR_VARIABLE.to_owned(), self.inner.factor.get().to_string());
        self.options.env.iter().chain(&spec.env).cloned().chain([factor]).collect()
    }

    async fn start(&self, spec: TaskSpec) -> Result<Arc<dyn RunningTask>, ExecutorError> {
        let output = output(&spec)?;
        let named = spec.container.as_ref().map(|container| container.image.as_str()).filter(|image| !image.is_empty());
        let image = named.or(self.options.image.as_deref());
        let image =
            image.ok_or_else(|| ExecutorError(format!("task {}: container.docker.image is missing", spec.id)))?;
        let key = uuid::Uuid::new_v4().simple().to_string();
        let name = format!("mesos-qos-{}.{}", safe_name(&spec.id), &key[..8]);
        let inner = &self.inner;
        let parent = inner.hierarchies.parent(&name);
        let directories = parent.as_deref().map(|parent| inner.hierarchies.directories(parent)).unwrap_or_default();
        let mut cleanup = Cleanup(Some(inner.state.record(&name, &spec.id, &key, directories)?));
        let frame = create::Frame {
            name: &name,
            label: &self.label,
            image,
            bandwidth: Bandwidth::of_cores(inner.factor.cores(spec.cpus)),
            cgroup_parent: parent.as_deref(),
            env: self.environment(&spec),
            private: &self.options.state_dir,
        };
        let id = create::create(&self.host, &spec, frame).await?;
        let started = async {
            let attached = inner.api.attach(&id).await?;
            inner.api.start(&id).await?;
            Ok((attached, inner.api.main_process(&id).await?))
        };
        let (attached, pid) = match started.await {
            Ok(started) => started,
            Err(error) => {
                let _ = inner.api.remove(&id).await;
                parent.iter().flat_map(|parent| inner.hierarchies.directories(parent)).for_each(|d| files::remove(&d));
                return Err(error);
            }
        };
        let counter = Counter::new(inner.hierarchies.clone(), inner.hierarchies.counters(parent.as_deref(), pid));
        let (exit_sender, exit) = watch::channel(None);
        let (deadline, _) = watch::channel(None);
        let killed = AtomicBool::new(false);
        let task = Arc::new(DockerTask { executor: inner.clone(), id, counter, parent, exit, deadline, killed });
        inner.remember(&task);
        if let Some(record) = cleanup.0.take() {
            tokio::spawn(task.clone().follow(attached, output, record, exit_sender));
        }
        Ok(Arc::new(Handle(task)))
    }
}

/// The record of a container that did not come to be.
struct Cleanup(Option<Record>);

impl Drop for Cleanup {
    fn drop(&mut self) {
        if let Some(record) = &self.0 {
            record.remove();
        }
    }
}

fn host_or_usual(host: Option<&str>) -> String {
    let from_environment = || std::env::var("DOCKER_HOST").ok().filter(|host| !host.is_empty());
    host.map(str::to_owned).or_else(from_environment).unwrap_or_else(|| api::USUAL_HOST.to_owned())
}

fn output(spec: &TaskSpec) -> Result<Demultiplexer<File>, ExecutorError> {
    let about = |e: std::io::Error| ExecutorError(format!("sandbox {}: {e}", spec.sandbox.display()));
    std::fs::create_dir_all(&spec.sandbox).map_err(about)?;
    let file = |name: &str| File::options().create(true).append(true).open(spec.sandbox.join(name)).map_err(about);
    Ok(Demultiplexer::into_files(file("stdout")?, file("stderr")?))
}

impl Executor for DockerExecutor {
    fn describe(&self) -> String {
        "docker".into()
    }

    fn launch(&self, spec: TaskSpec) -> BoxFuture<'_, Result<Arc<dyn RunningTask>, ExecutorError>> {
        self.start(spec).boxed()
    }
}

impl Inner {
    fn tasks(&self) -> std::sync::MutexGuard<'_, Vec<Weak<DockerTask>>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn remember(&self, task: &Arc<DockerTask>) {
        let mut tasks = self.tasks();
        tasks.retain(|task| task.strong_count() > 0);
        tasks.push(Arc::downgrade(task));
    }
}
