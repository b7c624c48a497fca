//! Whose move to another node is worth most.

use super::fill::{Member, fill};
use super::{Node, PAIRS, Plan};

/// A job moves when so many jobs more are expected to be on time by it: less is within what the forecasts are wrong by.
const WORTH_A_MOVE: f64 = 0.02;

/// With more, so many jobs are looked at with all nodes: those that gain most if another node has all that they need.
const MOST_LEAVERS: usize = 8;

/// A job that shares a node, and may leave it.
struct Leaver<'a> {
    place: usize,
    from: usize,
    /// What the others of its node gain when it leaves, less what it has there.
    without: f64,
    /// In its new task.
    moved: Member<'a>,
}

impl Leaver<'_> {
    /// No node makes more of the move: nobody there gains by having less.
    fn at_most(&self) -> f64 {
        self.without + self.moved.best()
    }
}

impl Plan<'_> {
    /// Whose move to another node is worth most, if any is worth it.
    pub(super) fn mover(&self, groups: &[Node]) -> Option<usize> {
        self.best_move(groups, PAIRS).map(|(place, _)| place)
    }

    /// The best move, and how many jobs more are expected to be on time by it. With more than so many `pairs` few jobs are looked at.
    fn best_move(&self, groups: &[Node], pairs: usize) -> Option<(usize, f64)> {
        let now: Vec<f64> = groups.iter().map(|group| self.fill(group, None).expected).collect();
        let mut leavers = self.leavers(groups, &now);
        if leavers.len().saturating_mul(groups.len()) > pairs {
            leavers.retain(|one| one.at_most() > WORTH_A_MOVE);
            leavers.sort_by(|a, b| b.at_most().total_cmp(&a.at_most()));
            leavers.truncate(MOST_LEAVERS);
        }
        // Empty nodes are all the same.
        let first_empty = groups.iter().position(|group| group.jobs.is_empty());
        let others =
            || groups.iter().enumerate().filter(|(to, group)| !group.jobs.is_empty() || Some(*to) == first_empty);
        let mut best: Option<(usize, f64)> = None;
        for leaver in &leavers {
            for (to, other) in others().filter(|(to, _)| *to != leaver.from) {
                let gain = self.fill(other, Some(&leaver.moved)).expected - now[to] + leaver.without;
                if gain > best.map_or(WORTH_A_MOVE, |(_, most)| most) {
                    best = Some((leaver.place, gain));
                }
            }
        }
        best
    }

    fn leavers(&self, groups: &[Node], now: &[f64]) -> Vec<Leaver<'_>> {
        // A job alone has all of its node.
        let shared = groups.iter().enumerate().filter(|(_, group)| group.jobs.len() > 1);
        let of = |(from, group): (usize, &'_ Node)| {
            let leaver = |place: usize| {
                let stay = group.jobs.iter().filter(|other| **other != place).map(|other| &self.members[*other]);
                let without = fill(self.room, stay).expected - now[from];
                Leaver { place, from, without, moved: Member::new(self.contenders[place], true) }
            };
            group.jobs.iter().map(|place| leaver(*place)).collect::<Vec<_>>()
        };
        shared.flat_map(of).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::super::contender::Contender;
    use super::super::plan_of;
    use super::super::tests::{NODES, at, contender};
    use super::*;
    use crate::qos::arbitration::Nodes;

    #[test]
    fn of_many_jobs_on_many_nodes_the_one_that_gains_most_by_it_moves() {
        let host = |nth: u8| format!("{nth:02}");
        let neighbours = |nth: u8| {
            [(nth, 1000), (100 + nth, 1000)].map(|(job, needs)| contender(job, at(&host(nth), 1000), needs, true))
        };
        let mut jobs: Vec<Contender> = (0..50).flat_map(neighbours).collect();
        // Two have too little room together, and the smaller one of them finds it elsewhere.
        jobs[60] = contender(30, at(&host(30), 1250), 1600, true);
        jobs[80] = contender(40, at(&host(40), 1000), 600, true);
        jobs[81] = contender(140, at(&host(40), 1000), 300, true);
        let refs: Vec<&Contender> = jobs.iter().collect();
        let nodes = Nodes { count: 50, ..NODES };
        let (plan, groups) = plan_of(nodes, &refs);
        assert!(jobs.len() * groups.len() > PAIRS);
        assert_eq!(plan.mover(&groups), Some(61));
    }

    proptest! {
        /// As many as are looked at in a large cluster: with fewer, nothing is missed.
        #[test]
        fn who_is_passed_over_would_not_have_gained_more(
            jobs in prop::collection::vec((0usize..4, 2u32..=44, any::<bool>()), 2..=MOST_LEAVERS),
        ) {
            let job = |(job, (host, needs, can_move)): (u8, (usize, u32, bool))| {
                contender(job, at(["a", "b", "c", "d"][host], 100), needs * 50, can_move)
            };
            let jobs: Vec<Contender> = (0u8..).zip(jobs).map(job).collect();
            let refs: Vec<&Contender> = jobs.iter().collect();
            let (plan, groups) = plan_of(Nodes { count: 5, ..NODES }, &refs);
            let gain = |pairs| plan.best_move(&groups, pairs).map(|(_, gain)| (gain * 1e9).round());
            prop_assert_eq!(gain(0), gain(usize::MAX));
        }
    }
}
