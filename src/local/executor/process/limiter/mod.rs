//! The ways to hold a group of processes to a rate, and to know what it used.

pub mod bucket;
pub(in crate::local::executor) mod cgroup;
pub(in crate::local::executor) mod cgroup_v1;
pub(in crate::local::executor) mod cgroup_v2;
mod duty;
pub(in crate::local::executor) mod files;
mod tree;

use std::fs::File;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use nix::sys::signal::Signal;
use nix::unistd::Pid;

use super::orphans::Record;
use super::spawn;
use crate::local::executor::{CpuUsage, ExecutorError};

pub use cgroup_v1::CgroupV1;
pub use cgroup_v2::CgroupV2;
pub use duty::DutyCycle;

/// Which limiter an executor is to use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LimiterChoice {
    /// The first of the others that really works here, in their order.
    #[default]
    Auto,
    /// `cpu.max` of a control group v2, also of a delegated one.
    CgroupV2,
    /// `cpu.cfs_quota_us` and `cpuacct` of control groups v1.
    CgroupV1,
    /// Stopping and continuing the processes; needs no rights.
    DutyCycle,
}

/// What groups share.
#[derive(Debug, Clone)]
pub struct Node {
    /// A file name.
    pub name: String,
    /// Real cores.
    pub cores: f64,
}

/// Makes limited groups of processes.
pub trait Limiter: Send + Sync {
    /// `cgroup-v1`, ...: for logs and tables.
    fn name(&self) -> &'static str;
    /// An empty group that may use `cores` real cores. `name` is a file name, unique within this limiter. The groups on one node together
    /// may use what the node has, where this limiter can hold them to it: control groups can.
    ///
    /// # Errors
    /// When the system refuses it; nothing is left behind then.
    fn group(&self, name: &str, cores: f64, node: Option<&Node>) -> Result<Box<dyn Group>, ExecutorError>;
    /// The directories under which everything made by this limiter lives.
    fn parents(&self) -> Vec<PathBuf>;
}

/// One limited group. After `close` the rest does nothing, and `usage` tells what it told last.
pub trait Group: Send + Sync {
    /// Open files into which the new process writes `0` before it executes its program.
    ///
    /// # Errors
    /// When they cannot be opened.
    fn join(&self) -> Result<Vec<File>, ExecutorError>;
    /// The group's main process runs now; it is a session leader and stays uncollected until [`Group::close`].
    fn started(&self, main: Pid, record: Arc<Record>);
    /// Changes the limit at once.
    ///
    /// # Errors
    /// When the system refuses it.
    fn limit(&self, cores: f64) -> Result<(), ExecutorError>;
    /// CPU time so far.
    fn usage(&self) -> CpuUsage;
    /// Signals every member that has not ended.
    fn signal(&self, signal: Signal);
    /// Whether a member other than the main process has not ended. A thorough look, not a cheap one.
    fn has_others(&self) -> bool;
    /// Calls `collect`, which collects the ended main process and returns the usage of it and of the descendants that it
    /// collected, and lets go of the group. From then on its numbers may belong to others: nothing is signalled any more.
    fn close(&self, collect: &mut dyn FnMut() -> CpuUsage);
}

/// The limiter that `choice` names. `instance` is the name of the directory for everything it makes.
///
/// # Errors
/// When it does not work here: the reason, of each one tried.
pub fn choose(choice: LimiterChoice, instance: &str) -> Result<Arc<dyn Limiter>, ExecutorError> {
    match choice {
        LimiterChoice::CgroupV2 => Ok(Arc::new(CgroupV2::open(instance)?)),
        LimiterChoice::CgroupV1 => Ok(Arc::new(CgroupV1::open(instance)?)),
        LimiterChoice::DutyCycle => Ok(Arc::new(DutyCycle::open()?)),
        LimiterChoice::Auto => {
            let v2 = match CgroupV2::open(instance) {
                Ok(limiter) => return Ok(Arc::new(limiter)),
                Err(e) => e,
            };
            let v1 = match CgroupV1::open(instance) {
                Ok(limiter) => return Ok(Arc::new(limiter)),
                Err(e) => e,
            };
            tracing::info!(%v2, %v1, "no writable CPU control group; tasks are stopped and continued instead");
            DutyCycle::open().map(|limiter| Arc::new(limiter) as Arc<dyn Limiter>)
        }
    }
}

/// Proves a limiter by running a process in a group of it: writable files alone do not promise that processes can join.
fn probe(limiter: &dyn Limiter) -> Result<(), ExecutorError> {
    let group = limiter.group("probe", 0.5, None)?;
    let outcome = (|| {
        let mut child = spawn::spawn(Command::new("/bin/true"), group.join()?)
            .map_err(|e| ExecutorError(format!("no process can join {}: {e}", limiter.name())))?;
        child.wait().map_err(|e| ExecutorError(format!("cannot wait for a process: {e}")))?;
        group.limit(0.1)
    })();
    group.close(&mut CpuUsage::default);
    outcome
}
