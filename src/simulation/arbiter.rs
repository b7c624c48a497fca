//! The place for decisions over several jobs.

use crate::qos::ids::JobId;
use crate::qos::job::{Command, JobState};
use crate::qos::units::{Cpus, Timestamp};

/// Decides over all jobs of the cluster, after each decision of one of them.
pub trait Arbiter: Sync {
    /// What is told to which jobs, in this order. `jobs` are all that are registered and not over, in the order of their
    /// registration; `cluster` is the CPU of all nodes.
    fn arbitrate(&self, now: Timestamp, cluster: Cpus, jobs: &[&JobState]) -> Vec<(JobId, Command)>;
}

/// Every job decides for itself.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoArbiter;

impl Arbiter for NoArbiter {
    fn arbitrate(&self, _now: Timestamp, _cluster: Cpus, _jobs: &[&JobState]) -> Vec<(JobId, Command)> {
        Vec::new()
    }
}
