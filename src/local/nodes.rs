//! The virtual nodes: how much CPU each has, and how much of it is reserved.

use rand::RngExt;
use rand::rngs::StdRng;

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
}

impl Node {
    /// What can still be reserved.
    pub fn free(&self) -> Cpus {
        self.total.saturating_sub(self.used)
    }
}

/// All nodes of the cluster.
#[derive(Debug, Clone)]
pub struct Nodes(Vec<Node>);

impl Nodes {
    /// `count` nodes with `cpus` each.
    pub fn new(count: u32, cpus: Cpus) -> Self {
        let node = |n| Node { hostname: format!("node{n}"), total: cpus, used: Cpus::from_milli(0) };
        Nodes((1..=count).map(node).collect())
    }

    /// All nodes.
    pub fn iter(&self) -> impl Iterator<Item = &Node> {
        self.0.iter()
    }

    /// The name of a node.
    pub fn hostname(&self, index: usize) -> &str {
        self.0.get(index).map_or("", |node| &node.hostname)
    }

    /// Reserves `cpus` on a node chosen at random among those that have them free and are allowed.
    pub fn reserve(&mut self, cpus: Cpus, rng: &mut StdRng, allowed: impl Fn(&str) -> bool) -> Option<usize> {
        let feasible: Vec<usize> =
            (0..self.0.len()).filter(|i| self.0[*i].free() >= cpus && allowed(&self.0[*i].hostname)).collect();
        if feasible.is_empty() {
            return None;
        }
        let chosen = feasible[rng.random_range(0..feasible.len())];
        self.0[chosen].used = self.0[chosen].used.saturating_add(cpus);
        Some(chosen)
    }

    /// Gives back what was reserved.
    pub fn release(&mut self, index: usize, cpus: Cpus) {
        if let Some(node) = self.0.get_mut(index) {
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
