//! The queue of tasks that wait for a node.

use super::node::Node;
use super::placement::Placement;
use crate::qos::arbitration::NodeChoice;
use crate::qos::units::Cpus;

/// A task that wants a node.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// Whose.
    pub job: usize,
    /// How much of it.
    pub cpus: Cpus,
    /// The luck of a random choice.
    pub draw: f64,
    /// Where it is to be if there is room. Elsewhere it is only when there is none: what a supervisor takes back after a while is not
    /// waited for here.
    pub wish: Option<NodeChoice>,
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
        self.waiting.retain(|request| match placed_by(placement, nodes, request) {
            Some(node) => {
                nodes[node].reserve(request.job, request.cpus);
                placed.push((request.clone(), node));
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

/// The name of the node with this number.
pub fn name(at: usize) -> String {
    format!("node{}", at + 1)
}

fn placed_by(placement: Placement, nodes: &[Node], request: &Request) -> Option<usize> {
    let has_room = |at: &usize| nodes[*at].free() >= request.cpus;
    let with_room: Vec<usize> = (0..nodes.len()).filter(has_room).collect();
    let wished: Vec<usize> = match &request.wish {
        Some(choice) => with_room.iter().copied().filter(|at| choice.allows(&name(*at))).collect(),
        None => Vec::new(),
    };
    let candidates = if wished.is_empty() { with_room } else { wished };
    placement.choose(nodes, candidates, request.draw)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_that_fits_goes_first_and_a_large_one_does_not_hold_up_the_small() {
        let request = |job, milli| Request { job, cpus: Cpus::from_milli(milli), draw: 0.0, wish: None };
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

    #[test]
    fn a_task_is_where_it_is_to_be_while_there_is_room() {
        let on = |node: &str| Some(NodeChoice::On(node.to_owned()));
        let not_on = |nodes: [&str; 2]| Some(NodeChoice::NotOn(nodes.map(str::to_owned).into()));
        let mut cluster = Cluster::new(3, Cpus::from_milli(2000), Placement::Random);
        let mut at = |job, wish| {
            cluster.request(Request { job, cpus: Cpus::from_milli(1500), draw: 0.0, wish });
            cluster.place().into_iter().map(|(request, node)| (request.job, node)).collect::<Vec<_>>()
        };
        assert_eq!(at(0, on("node2")), [(0, 1)]);
        assert_eq!(at(1, not_on(["node1", "node2"])), [(1, 2)]);
        // Its node is full.
        assert_eq!(at(2, on("node2")), [(2, 0)]);
        assert!(at(3, on("node2")).is_empty());
    }
}
