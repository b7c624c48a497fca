//! Which of the nodes with room takes a task.

use std::str::FromStr;

use serde::Serialize;

use super::node::Node;

/// How a node is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Placement {
    /// Any of them, as the offers of Mesos come.
    Random,
    /// The one with the most room.
    Spread,
    /// The one that it fills best.
    BestFit,
}

impl Placement {
    /// The name on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Placement::Random => "random",
            Placement::Spread => "spread",
            Placement::BestFit => "best-fit",
        }
    }

    /// Which of those `nodes` that are `feasible` takes a task, if there is one; `draw` in [0, 1) is the luck of a random choice. Of
    /// equally good ones the first.
    pub fn choose(self, nodes: &[Node], feasible: Vec<usize>, draw: f64) -> Option<usize> {
        match self {
            Placement::Random => {
                let nth = (draw * feasible.len() as f64) as usize;
                feasible.get(nth.min(feasible.len().saturating_sub(1))).copied()
            }
            Placement::Spread => feasible.into_iter().min_by_key(|at| (std::cmp::Reverse(nodes[*at].free()), *at)),
            Placement::BestFit => feasible.into_iter().min_by_key(|at| (nodes[*at].free(), *at)),
        }
    }
}

impl FromStr for Placement {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let all = [Placement::Random, Placement::Spread, Placement::BestFit];
        let found = all.into_iter().find(|placement| placement.as_str() == text);
        found.ok_or_else(|| "there are the placements random, spread and best-fit".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::qos::units::Cpus;

    #[test]
    fn each_way_takes_its_node() {
        let cpus = Cpus::from_milli;
        let mut nodes = vec![Node::new(cpus(2000)); 4];
        nodes[0].reserve(0, cpus(2000));
        nodes[1].reserve(1, cpus(800));
        nodes[2].reserve(2, cpus(1000));
        let feasible = || vec![1, 2, 3];
        assert_eq!(Placement::Spread.choose(&nodes, feasible(), 0.0), Some(3));
        assert_eq!(Placement::BestFit.choose(&nodes, feasible(), 0.0), Some(2));
        assert_eq!(Placement::BestFit.choose(&nodes, vec![1, 3], 0.0), Some(1));
        let drawn: Vec<_> = [0.0, 0.4, 0.99].map(|draw| Placement::Random.choose(&nodes, feasible(), draw)).into();
        assert_eq!(drawn, [Some(1), Some(2), Some(3)]);
        assert_eq!(Placement::Random.choose(&nodes, vec![], 0.5), None);
        for name in ["random", "spread", "best-fit"] {
            assert_eq!(name.parse::<Placement>().map(Placement::as_str), Ok(name));
        }
    }
}
