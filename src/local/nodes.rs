//! The virtual nodes: how much CPU each has, and how much of it is reserved.

use rand::RngExt;
use rand::rngs::StdRng;

use super::journal::Entry;
use super::ports::Ports;
use crate::qos::units::Cpus;

/// One node.
#[derive(Debug, Clone)]
pub struct Node {
    /// `node1`, `node2`, ...
    pub hostname: String,
    /// What it has, in virtual CPUs.
    pub total: Cpus,
    /// What tasks have reserved of it.
    pub used: Cpus,
    /// Environment that this node gives to each of its tasks; frameworks and jobs override it.
    pub env: Vec<(String, String)>,
}

impl Node {
    /// What can still be reserved.
    pub fn free(&self) -> Cpus {
        self.total.saturating_sub(self.used)
    }
}

/// All nodes of the cluster, and what the frameworks share beside them.
#[derive(Debug, Clone)]
pub struct Nodes {
    nodes: Vec<Node>,
    /// The number of the next placement.
    next_seq: u64,
    /// Host ports.
    pub ports: Ports,
}

impl Nodes {
    /// `count` nodes with `cpus` each.
    pub fn new(count: u32, cpus: Cpus) -> Self {
        let node = |n| Node { hostname: format!("node{n}"), total: cpus, used: Cpus::from_milli(0), env: Vec::new() };
        Nodes { nodes: (1..=count).map(node).collect(), next_seq: 1, ports: Ports::default() }
    }

    /// Gives the tasks of one node, or of each, a variable.
    pub fn set_env(&mut self, hostname: Option<&str>, name: &str, value: &str) {
        let meant = |node: &&mut Node| hostname.is_none_or(|hostname| node.hostname == hostname);
        for node in self.nodes.iter_mut().filter(meant) {
            node.env.push((name.to_owned(), value.to_owned()));
        }
    }

    /// The number of a new placement: counts those of all frameworks, over restarts too.
    pub fn take_seq(&mut self) -> u64 {
        self.next_seq += 1;
        self.next_seq - 1
    }

    /// Counts on from the placements of an earlier run.
    pub fn count_on(&mut self, journal: &[Entry]) {
        for entry in journal {
            if let Entry::Placed { seq, .. } = entry {
                self.next_seq = self.next_seq.max(seq + 1);
            }
        }
    }

    /// All nodes.
    pub fn iter(&self) -> impl Iterator<Item = &Node> {
        self.nodes.iter()
    }

    /// A node.
    pub fn get(&self, index: usize) -> Option<&Node> {
        self.nodes.get(index)
    }

    /// The name of a node.
    pub fn hostname(&self, index: usize) -> &str {
        self.nodes.get(index).map_or("", |node| &node.hostname)
    }

    /// Reserves `cpus` on a node chosen at random among those that have them free and are allowed.
    pub fn reserve(&mut self, cpus: Cpus, rng: &mut StdRng, allowed: impl Fn(&str) -> bool) -> Option<usize> {
        let feasible: Vec<usize> = (0..self.nodes.len())
            .filter(|i| self.nodes[*i].free() >= cpus && allowed(&self.nodes[*i].hostname))
            .collect();
        if feasible.is_empty() {
            return None;
        }
        let chosen = feasible[rng.random_range(0..feasible.len())];
        self.nodes[chosen].used = self.nodes[chosen].used.saturating_add(cpus);
        Some(chosen)
    }

    /// Gives back what was reserved.
    pub fn release(&mut self, index: usize, cpus: Cpus) {
        if let Some(node) = self.nodes.get_mut(index) {
            node.used = node.used.saturating_sub(cpus);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    #[test]
    fn nothing_is_reserved_twice_and_the_same_seed_chooses_the_same() {
        let place = |seed| {
            let mut rng = StdRng::seed_from_u64(seed);
            let mut nodes = Nodes::new(3, Cpus::from_milli(2000));
            let mut chosen: Vec<_> =
                (0..5).map(|_| nodes.reserve(Cpus::from_milli(1200), &mut rng, |_| true)).collect();
            assert!(nodes.iter().all(|node| node.used <= node.total));
            if let Some(first) = chosen[0] {
                nodes.release(first, Cpus::from_milli(1200));
                chosen.push(nodes.reserve(Cpus::from_milli(2000), &mut rng, |name| name != "node0"));
            }
            chosen
        };
        let chosen = place(7);
        assert_eq!(chosen.iter().filter(|c| c.is_some()).count(), 4, "three nodes, and the freed one again");
        assert_eq!(chosen, place(7));
    }
}
