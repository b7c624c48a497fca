//! CPU that nobody has reserved, node by node, and what of it the jobs have been given in place: two jobs never get the same.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::qos::ids::JobId;
use crate::qos::job::JobState;
use crate::qos::units::Cpus;

/// What is known of all nodes.
#[derive(Clone, Default)]
pub struct Nodes(Arc<Mutex<Known>>);

#[derive(Default)]
struct Known {
    /// By node, what the framework has not reserved, as measured last.
    free: BTreeMap<String, Cpus>,
    /// Where each job runs, as seen last.
    places: BTreeMap<JobId, String>,
    /// What each job has, or was promised, beyond what is reserved for it.
    given: BTreeMap<JobId, Cpus>,
}

impl Nodes {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `job` was seen on `node`, of which `free` CPU is not reserved; `None` when nobody says how much.
    pub fn measured(&self, job: JobId, node: &str, free: Option<Cpus>) {
        let mut known = self.known();
        known.places.insert(job, node.to_owned());
        match free {
            Some(free) => known.free.insert(node.to_owned(), free),
            None => known.free.remove(node),
        };
    }

    /// CPU that `job` may have beyond its reservation: what its node has free and no other job was given. `None` when nobody says.
    pub fn free_for(&self, job: JobId) -> Option<Cpus> {
        let known = self.known();
        let node = known.places.get(&job)?;
        let free = *known.free.get(node)?;
        let others = known.given.iter().filter(|(other, _)| **other != job && known.places.get(other) == Some(node));
        Some(others.fold(free, |free, (_, given)| free.saturating_sub(*given)))
    }

    /// Notes what the job has, or is promised, by its state.
    pub fn give(&self, job: JobId, state: &JobState) {
        let beyond = if state.ending().is_none() { state.beyond_its_reservation() } else { Cpus::from_milli(0) };
        let mut known = self.known();
        if beyond.milli() == 0 {
            known.given.remove(&job)
        } else {
            known.given.insert(job, beyond)
        };
    }

    /// The job is over.
    pub fn forget(&self, job: JobId) {
        let mut known = self.known();
        known.places.remove(&job);
        known.given.remove(&job);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn milli(milli: u32) -> Cpus {
        Cpus::from_milli(milli)
    }

    fn given(nodes: &Nodes, job: JobId, cpus: Cpus) {
        nodes.known().given.insert(job, cpus);
    }

    #[test]
    fn what_one_job_was_given_no_other_job_of_the_same_node_gets() {
        let nodes = Nodes::default();
        let [a, b, c] = [1, 2, 3].map(|n| JobId::from_bytes([n; 16]));
        assert_eq!(nodes.free_for(a), None, "nobody has said anything");
        for (job, node) in [(a, "n1"), (b, "n1"), (c, "n2")] {
            nodes.measured(job, node, Some(milli(1000)));
        }
        given(&nodes, a, milli(400));
        let free = |job| nodes.free_for(job).map(Cpus::milli);
        assert_eq!((free(a), free(b), free(c)), (Some(1000), Some(600), Some(1000)));
        // Somebody reserves most of it: nothing is left beside what the first has.
        nodes.measured(b, "n1", Some(milli(300)));
        assert_eq!((free(a), free(b)), (Some(300), Some(0)));
        nodes.forget(a);
        assert_eq!(free(b), Some(300));
        nodes.measured(b, "n1", None);
        assert_eq!(free(b), None);
    }
}
