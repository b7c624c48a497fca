//! The queue of tasks that wait for a node.

use super::node::Node;
use super::placement::Placement;
use crate::qos::units::Cpus;

/// A task that wants a node.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Request {
    /// Whose.
    pub job: usize,
    /// How much of it.
    pub cpus: Cpus,
    /// The luck of a random choice.
    pub draw: f64,
}

/// All nodes and the queue.
#[derive(Debug, Clone)]
pub struct Cluster {
    nodes: Vec<Node>,
    placement: Placement,
    waiting: Vec<Request>,
}

impl Cluster {
    /// `nodes` empty nodes with `cpus` each.
    pub fn new(nodes: u32, cpus: Cpus, placement: Placement) -> Self {
        Cluster { nodes: (0..nodes).map(|_| Node::new(cpus)).collect(), placement, waiting: Vec::new() }
    }

    /// Queues a request.
    pub fn request(&mut self, request: Request) {
        self.waiting.push(request);
    }

    /// Goes through the queue once, first come first: whoever finds room leaves it. (Request, node) of each.
    pub fn place(&mut self) -> Vec<(Request, usize)> {
        let mut placed = Vec::new();
        let (nodes, placement) = (&mut self.nodes, self.placement);
        self.waiting.retain(|request| match placement.choose(nodes, request.cpus, request.draw) {
            Some(node) => {
                nodes[node].reserve(request.job, request.cpus);
                placed.push((*request, node));
                false
            }
            None => true,
        });
        placed
    }

    /// The node with this number, as it was given out by [`Cluster::place`].
    pub fn node(&self, at: usize) -> &Node {
        &self.nodes[at]
    }

    /// The same, to change it.
    pub fn node_mut(&mut self, at: usize) -> &mut Node {
        &mut self.nodes[at]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_that_fits_goes_first_and_a_large_one_does_not_hold_up_the_small() {
        let request = |job, milli| Request { job, cpus: Cpus::from_milli(milli), draw: 0.0 };
        let mut cluster = Cluster::new(1, Cpus::from_milli(2000), Placement::Random);
        for (job, milli) in [(0, 1200), (1, 1000), (2, 600), (3, 200)] {
            cluster.request(request(job, milli));
        }
        let jobs = |placed: Vec<(Request, usize)>| placed.iter().map(|(request, _)| request.job).collect::<Vec<_>>();
        assert_eq!(jobs(cluster.place()), [0, 2, 3]);
        cluster.node_mut(0).release(2);
        assert!(cluster.place().is_empty());
        cluster.node_mut(0).release(0);
        assert_eq!(jobs(cluster.place()), [1]);
        assert_eq!(cluster.node(0).free(), Cpus::from_milli(800));
    }
}
