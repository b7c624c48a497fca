//! How the cluster on one machine runs a task: as a process group or as a container, under a real CPU limit.

pub mod docker;
mod limit;
pub(super) mod name;
pub mod process;
mod usage;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;

use crate::qos::units::Cpus;

/// What to run, and with how much.
#[derive(Debug, Clone)]
pub struct TaskSpec {
    /// The framework's task id; unique, and safe to use in a cgroup's or container's name only after escaping.
    pub id: String,
    /// Program and arguments, for example `["/bin/sh", "-c", "..."]`.
    pub argv: Vec<String>,
    /// The task's own environment, added to a minimal base (`PATH`, `HOME`).
    pub env: Vec<(String, String)>,
    /// The hard limit, in virtual CPUs.
    pub cpus: Cpus,
    /// The node whose CPUs it shares with other tasks; none when no limit but its own holds it.
    pub node: Option<SharedNode>,
    /// Memory, in MiB.
    pub memory_mib: f64,
    /// Working directory; standard output and error go to the files `stdout` and `stderr` in it.
    pub sandbox: PathBuf,
    /// The container to run in, for executors that have containers.
    pub container: Option<ContainerSpec>,
}

/// A node whose tasks may use its CPUs together, and no more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedNode {
    /// Tells the nodes of a cluster apart.
    pub hostname: String,
    /// What it has, in virtual CPUs.
    pub cpus: Cpus,
}

/// The part of a job's container description that an executor uses.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ContainerSpec {
    /// Image name.
    pub image: String,
    /// `HOST` or `BRIDGE`.
    pub network: Option<String>,
    /// (host path, container path, read-only).
    pub volumes: Vec<(String, String, bool)>,
    /// Further `docker run` options: (key, value).
    pub parameters: Vec<(String, String)>,
}

/// How a task ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Its main process exited with this code.
    Code(i32),
    /// Its main process was ended by this signal.
    Signal(i32),
}

/// CPU time that a task used, children included, from the kernel's own counters (real core time, not virtual).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CpuUsage {
    /// In user mode.
    pub user: Duration,
    /// In the kernel.
    pub system: Duration,
}

/// A task could not be started or changed.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ExecutorError(pub String);

/// Starts tasks.
pub trait Executor: Send + Sync {
    /// `process/cgroup-v1`, `docker`, ...: for logs and tables.
    fn describe(&self) -> String;
    /// Starts a task; returns once its process exists.
    fn launch(&self, spec: TaskSpec) -> BoxFuture<'_, Result<Arc<dyn RunningTask>, ExecutorError>>;
}

/// One started task.
pub trait RunningTask: Send + Sync {
    /// Completes when the main process has ended and its group is gone; may be awaited by many, also after the end.
    fn wait(&self) -> BoxFuture<'_, Exit>;
    /// TERM to the whole group, KILL after `grace`; completes when the group is gone.
    fn kill(&self, grace: Duration) -> BoxFuture<'_, ()>;
    /// Changes the hard limit at once.
    fn resize(&self, cpus: Cpus) -> BoxFuture<'_, Result<(), ExecutorError>>;
    /// CPU time so far; stays readable after the end.
    fn usage(&self) -> CpuUsage;
}
