//! What the agent needs of something that runs, whatever runs it.

pub mod docker;
pub mod process;

use std::future::Future;

use anyhow::Result;

use crate::cgroup::CpuTime;

/// How it ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Ended {
    /// By itself, with this code (128 + number for a signal).
    ByItself(i64),
    /// It is gone and nobody knows why: the container engine was away.
    Lost(String),
}

/// A job that runs.
pub trait Running {
    /// Resolves when it has ended. Independent of `self`, so that everything else goes on meanwhile.
    fn ended(&self) -> impl Future<Output = Ended> + Send + 'static;

    /// Changes its limit at once, in cores.
    fn set_cores(&self, cores: f64) -> impl Future<Output = Result<()>>;

    /// Is this limit in force, in cores, as far as that can be told? Who changes a limit past the agent tells nobody.
    fn has_limit(&self, _cores: f64) -> bool {
        true
    }

    /// CPU time since the segment began, as far as it can still be told.
    fn cpu_time(&self) -> Option<CpuTime>;

    /// The lease is valid: makes sure that it was not left standing. Whether it was.
    fn keep_running(&self) -> impl Future<Output = bool>;

    /// The lease has run out: nothing may run. Containers have a guard for this.
    fn stand_still(&self) {}

    /// The most that a limit can be, in cores.
    fn cores(&self) -> f64;
}
