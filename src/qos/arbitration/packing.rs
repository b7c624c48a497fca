//! Sizes that always find a node.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::qos::units::Cpus;

/// The nodes of a cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Nodes {
    /// How many there are.
    pub count: u32,
    /// CPUs of each.
    pub cpus: Cpus,
}

/// The CPUs that tasks ask for, each for itself.
#[derive(Debug, Clone, Default)]
pub struct Sizes {
    /// How many tasks ask for as much.
    tasks: BTreeMap<Cpus, u32>,
}

/// For so many nodes there may be one more task that fills a node, where tasks wait for each other.
const IN_TURN: u32 = 5;

impl Sizes {
    /// One task more.
    pub fn add(&mut self, cpus: Cpus) {
        *self.tasks.entry(cpus).or_default() += 1;
    }

    /// One task less.
    pub fn remove(&mut self, cpus: Cpus) {
        if let Some(count) = self.tasks.get_mut(&cpus) {
            *count -= 1;
            if *count == 0 {
                self.tasks.remove(&cpus);
            }
        }
    }

    /// All of them together, divided by the number of nodes.
    pub fn spread_over(&self, nodes: Nodes) -> Cpus {
        let all = self.tasks.iter().map(|(size, count)| u64::from(size.milli()) * u64::from(*count)).sum::<u64>();
        let each = all.div_ceil(u64::from(nodes.count.max(1)));
        u32::try_from(each).map_or(Cpus::MAX, Cpus::from_milli)
    }

    /// Those of the tasks beside which small ones of these `floors` always find room. A task that is larger than a node, or one too many, is a fact
    /// that no sharing changes: it must not make every plan look as bad as any other.
    pub fn that_leave_room(&self, nodes: Nodes, floors: impl Iterator<Item = Cpus>) -> Sizes {
        let mut left = self.clone();
        left.tasks.retain(|cpus, _| *cpus <= nodes.cpus);
        let mut all = left.clone();
        floors.for_each(|floor| all.add(floor));
        while !all.always_placeable(nodes) {
            let Some(largest) = left.tasks.keys().next_back().copied() else { break };
            left.remove(largest);
            all.remove(largest);
        }
        left
    }

    /// Whether each task finds a node with room for it, wherever the framework has put the others.
    ///
    /// Frameworks take the first offer that is large enough, and nothing moves a task that runs: a sum that fits the cluster is not enough
    /// when small tasks lie about on nodes that a large one would need whole. A task of `c` CPUs is shut out of a node by others
    /// that use more than `node - c` of it; each that is larger than this alone, the smaller ones together. This counts how many
    /// nodes the others could shut it out of at the worst.
    pub fn always_placeable(&self, nodes: Nodes) -> bool {
        self.tasks
            .keys()
            .all(|cpus| self.shut_out_of(*cpus, nodes.cpus).is_some_and(|shut| shut < u64::from(nodes.count)))
    }

    /// Whether all tasks find a node when they are put there with care, the largest first, each on the fullest node with room. Frameworks take
    /// no such care: a task may have to wait for another to end.
    pub fn packable(&self, nodes: Nodes) -> bool {
        let mut free = vec![nodes.cpus; usize::try_from(nodes.count).unwrap_or(usize::MAX)];
        for (cpus, count) in self.tasks.iter().rev() {
            for _ in 0..*count {
                match free.iter_mut().filter(|free| **free >= *cpus).min() {
                    Some(free) => *free = free.saturating_sub(*cpus),
                    None => return false,
                }
            }
        }
        true
    }

    /// Whether all tasks find a node when every sixth waits until another has ended.
    pub fn packable_in_turn(&self, nodes: Nodes) -> bool {
        self.packable(Nodes { count: nodes.count.saturating_add((nodes.count / IN_TURN).max(1)), ..nodes })
    }

    /// The most nodes of which the others can shut out one task of `cpus`; none when it is larger than a node.
    fn shut_out_of(&self, cpus: Cpus, node: Cpus) -> Option<u64> {
        if cpus > node {
            return None;
        }
        let spare = node.saturating_sub(cpus);
        let others = |size: &Cpus, count: &u32| u64::from(*count) - u64::from(*size == cpus);
        let alone: u64 =
            self.tasks.iter().filter(|(size, _)| **size > spare).map(|(size, count)| others(size, count)).sum();
        let small = || self.tasks.iter().filter(|(size, _)| **size <= spare);
        let together: u64 = small().map(|(size, count)| u64::from(size.milli()) * others(size, count)).sum();
        let tasks: u64 = small().map(|(size, count)| others(size, count)).sum();
        // A group needs more than `spare` CPUs and, as each of these is no larger than that, two tasks at least.
        let groups = (together / (u64::from(spare.milli()) + 1)).min(tasks / 2);
        Some(alone + groups)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NODES: Nodes = Nodes { count: 5, cpus: Cpus::from_milli(2000) };

    fn sizes(milli: &[u32]) -> Sizes {
        let mut sizes = Sizes::default();
        milli.iter().for_each(|milli| sizes.add(Cpus::from_milli(*milli)));
        sizes
    }

    #[test]
    fn five_large_tasks_and_one_that_gives_way_fit_everywhere() {
        assert!(sizes(&[1900, 1900, 1900, 1900, 1900, 100]).always_placeable(NODES));
        assert!(!sizes(&[2000, 1900, 1900, 1900, 1900, 100]).always_placeable(NODES));
    }

    #[test]
    fn a_sum_that_fits_is_not_enough() {
        // 8 of 10 CPUs: three small ones on three nodes leave two for three large ones.
        assert!(!sizes(&[1500, 1500, 1500, 1200, 1200, 1200]).always_placeable(NODES));
        assert!(sizes(&[1000; 10]).always_placeable(NODES));
        assert!(!sizes(&[1000; 11]).always_placeable(NODES));
        assert!(!sizes(&[2100]).always_placeable(NODES));
        assert!(sizes(&[]).always_placeable(NODES));
    }

    #[test]
    fn with_care_more_can_be_packed_than_always_finds_room() {
        let crowded = sizes(&[1500, 1500, 1500, 1200, 1000, 1000]);
        assert!(crowded.packable(NODES) && !crowded.always_placeable(NODES));
        assert!(!sizes(&[1500, 1500, 1500, 1200, 1200, 1000]).packable(NODES));
        assert!(sizes(&[2000; 5]).packable(NODES) && !sizes(&[2000; 6]).packable(NODES));
    }

    #[test]
    fn tasks_that_no_sharing_can_do_anything_about_are_left_out() {
        let floors = || [100, 100].map(Cpus::from_milli).into_iter();
        let left = sizes(&[4000, 1500]).that_leave_room(NODES, floors());
        assert_eq!(left.tasks.keys().map(|cpus| cpus.milli()).collect::<Vec<_>>(), [1500]);
        let left = sizes(&[2000; 7]).that_leave_room(NODES, floors());
        assert_eq!(left.tasks.values().sum::<u32>(), 3, "the small ones may lie on two nodes");
        assert!(sizes(&[]).that_leave_room(NODES, floors()).tasks.is_empty());
    }

    #[test]
    fn what_is_removed_needs_no_room() {
        let mut sizes = sizes(&[2000, 2000, 2000, 2000, 2000, 2000]);
        assert!(!sizes.always_placeable(NODES));
        sizes.remove(Cpus::from_milli(2000));
        assert!(sizes.always_placeable(NODES));
    }

    proptest! {
        /// Puts the tasks on nodes in any order and anywhere that they fit; what was promised to find room must.
        #[test]
        fn what_is_always_placeable_is_placed_whatever_the_framework_does(
            milli in prop::collection::vec((1u32..=20).prop_map(|tenth| tenth * 100), 1..14),
            choices in prop::collection::vec(any::<prop::sample::Index>(), 14),
            order in Just((0..14usize).collect::<Vec<_>>()).prop_shuffle(),
        ) {
            prop_assume!(sizes(&milli).always_placeable(NODES));
            let mut free = vec![2000u32; 5];
            for place in order.into_iter().filter(|place| *place < milli.len()) {
                let room: Vec<usize> = (0..free.len()).filter(|node| free[*node] >= milli[place]).collect();
                prop_assert!(!room.is_empty(), "{milli:?}: no room for {} in {free:?}", milli[place]);
                free[*choices[place].get(&room)] -= milli[place];
            }
        }
    }
}
