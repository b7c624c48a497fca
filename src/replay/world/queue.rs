//! Where the tasks of a replay run: on nodes that they share, or each as it was recorded.

use crate::qos::arbitration::Nodes;
use crate::qos::units::Cpus;
use crate::simulation::cluster::{Cluster, Placement, Request};

/// The nodes, if jobs share any.
pub(super) enum Queue {
    /// Every task gets a node at once; what it waited in fact is in its deployment.
    Alone,
    /// The nodes of a simulated cluster.
    Shared(Box<Cluster>, Vec<Option<usize>>),
}

impl Queue {
    pub(super) fn new(nodes: Option<Nodes>, jobs: usize) -> Self {
        match nodes {
            None => Queue::Alone,
            Some(Nodes { count, cpus }) => {
                Queue::Shared(Box::new(Cluster::new(count, cpus, Placement::Random)), vec![None; jobs])
            }
        }
    }

    /// `job` asks for a node; whoever is placed by that.
    pub(super) fn ask(&mut self, job: usize, cpus: Cpus, draw: f64) -> Vec<usize> {
        match self {
            Queue::Alone => vec![job],
            Queue::Shared(cluster, _) => {
                cluster.request(Request { job, cpus, draw, wish: None });
                self.place()
            }
        }
    }

    /// `job` leaves its node; whoever is placed by that.
    pub(super) fn leave(&mut self, job: usize) -> Vec<usize> {
        if let Queue::Shared(cluster, at) = self
            && let Some(node) = at.get_mut(job).and_then(Option::take)
        {
            cluster.node_mut(node).release(job);
        }
        self.place()
    }

    fn place(&mut self) -> Vec<usize> {
        let Queue::Shared(cluster, at) = self else { return vec![] };
        let placed = cluster.place();
        for (request, node) in &placed {
            if let Some(at) = at.get_mut(request.job) {
                *at = Some(*node);
            }
        }
        placed.into_iter().map(|(request, _)| request.job).collect()
    }

    /// Where `job` runs.
    pub(super) fn host(&self, job: usize) -> String {
        let node = match self {
            Queue::Alone => None,
            Queue::Shared(_, at) => at.get(job).copied().flatten(),
        };
        node.map_or_else(|| "replay".to_owned(), |node| format!("node{}", node + 1))
    }
}
