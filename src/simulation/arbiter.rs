//! The place for decisions over several jobs.

use crate::qos::arbitration::{Aim, Nodes};
use crate::qos::ids::JobId;
use crate::qos::job::{Command, JobState, round};
use crate::qos::units::{Cpus, Timestamp};

/// Decides over all jobs of the cluster, after each decision of one of them.
pub trait Arbiter: Sync {
    /// What is told to which jobs, in this order. `jobs` are all that are registered and not over, in the order of their
    /// registration; `cluster` is the CPU of all nodes.
    fn arbitrate(&self, now: Timestamp, cluster: Cpus, jobs: &[&JobState]) -> Vec<(JobId, Command)>;
}

/// The arbitration of production.
#[derive(Debug, Clone, Copy)]
pub struct Sharing {
    /// What is sacrificed when not everything can be had.
    pub aim: Aim,
    /// The cluster's nodes.
    pub nodes: Nodes,
}

impl Arbiter for Sharing {
    fn arbitrate(&self, now: Timestamp, _cluster: Cpus, jobs: &[&JobState]) -> Vec<(JobId, Command)> {
        let newest = jobs.iter().filter_map(|state| state.grant.as_ref()).map(|grant| grant.round).max();
        let number = newest.map_or(1, |newest| newest.saturating_add(1));
        let round = round(self.aim, self.nodes, number, now, jobs);
        round.told().map(|(job, grant)| (job, Command::Grant(grant))).collect()
    }
}

/// Every job decides for itself.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoArbiter;

impl Arbiter for NoArbiter {
    fn arbitrate(&self, _now: Timestamp, _cluster: Cpus, _jobs: &[&JobState]) -> Vec<(JobId, Command)> {
        Vec::new()
    }
}
