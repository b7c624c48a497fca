//! Tasks that are to start: where they may, and how much CPU they ask their framework for.

use std::collections::BTreeSet;

use super::{GRAIN, Node, Plan};
use crate::qos::arbitration::contender::{Contender, Seat};
use crate::qos::arbitration::node_choice::NodeChoice;
use crate::qos::units::Cpus;

impl Plan<'_> {
    /// What was asked for goes only where there is so much that nobody has reserved; any other task is made to fit.
    pub(super) fn may_be_on(&self, place: usize, group: &Node) -> bool {
        let Seat::Asked(asked, choice) = &self.contenders[place].seat else { return true };
        let allowed = group.host.as_ref().zip(choice.as_ref()).is_none_or(|(host, choice)| choice.allows(host));
        allowed && *asked <= self.unreserved(group)
    }

    /// A little less and a little more than half a node.
    pub(super) fn halves(&self) -> (Cpus, Cpus) {
        let half = Cpus::from_milli(self.room.milli() / 2);
        (half.saturating_sub(GRAIN), half.saturating_add(GRAIN))
    }

    /// With at most `cpus` for this job, as much as makes it ask for no size between the two: one of those fits beside no larger one, and keeps a node
    /// from the last of them.
    pub(super) fn placeable(&self, cpus: Cpus, one: &Contender) -> Cpus {
        let (less, more) = self.halves();
        let asked = cpus.min(one.wish);
        if asked > less && asked < more { less } else { cpus }
    }

    /// Where a task that is to run on this node may start. A node that nobody is known to be on has no name here.
    pub(super) fn choice(&self, node: &Node) -> Option<NodeChoice> {
        if let Some(host) = &node.host {
            return Some(NodeChoice::On(host.clone()));
        }
        let taken: BTreeSet<String> =
            self.contenders.iter().filter_map(|one| one.seat.host()).map(str::to_owned).collect();
        (!taken.is_empty()).then_some(NodeChoice::NotOn(taken))
    }

    /// What no framework keeps for a task on this node.
    pub(super) fn unreserved(&self, group: &Node) -> Cpus {
        let kept = group.jobs.iter().filter_map(|place| self.contenders[*place].kept());
        self.room.saturating_sub(kept.fold(Cpus::from_milli(0), |sum, one| sum.saturating_add(one)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::qos::arbitration::in_place::tests::{at, contender, shares, sizes};

    #[test]
    fn a_new_task_asks_for_no_more_than_nobody_has_reserved_on_its_node() {
        let reserved = |one: Contender, milli| Contender { reserved: Cpus::from_milli(milli), ..one };
        let jobs = |milli| {
            [
                reserved(contender(1, at("a", 300), 300, true), milli),
                reserved(contender(2, at("b", 2000), 1900, true), 1300),
                contender(3, Seat::ToStart, 1200, true),
            ]
        };
        assert_eq!(sizes(&jobs(1100))[2], 900, "that is what Mesos has there; it may use more as soon as it runs");
        assert_eq!(sizes(&jobs(500))[2], 1500);
    }

    #[test]
    fn a_new_task_is_told_its_node_and_keeps_it_until_it_runs() {
        let nodes = |contenders: &[Contender]| -> Vec<Option<NodeChoice>> {
            shares(contenders).into_iter().map(|share| share.node).collect()
        };
        let on = |node: &str| Some(NodeChoice::On(node.to_owned()));
        let start = |needs| contender(2, Seat::ToStart, needs, true);
        let beside = [contender(1, at("a", 1200), 1200, true), start(750), contender(3, at("b", 2000), 1600, true)];
        assert_eq!(nodes(&beside), [None, on("a"), None]);
        let alone = [contender(1, at("a", 1900), 1900, true), start(1500)];
        assert_eq!(nodes(&alone), [None, Some(NodeChoice::NotOn(["a".to_owned()].into()))]);
        // Nobody is anywhere yet: any node is as good.
        assert_eq!(nodes(&[start(1500)]), [None]);
        // On its way: the others make room for it there, although it would do as well on the other node by now.
        let asked = contender(2, Seat::Asked(Cpus::from_milli(750), on("a")), 750, true);
        let on_its_way = [contender(1, at("a", 2000), 2000, false), asked, contender(3, at("b", 300), 300, true)];
        assert_eq!(nodes(&on_its_way), [None, on("a"), None]);
        assert_eq!(sizes(&on_its_way)[0], 1250);
    }

    #[test]
    fn what_was_asked_for_is_reckoned_with_where_it_fits_and_no_size_keeps_a_node_from_the_last() {
        let asked = |job, milli| contender(job, Seat::Asked(Cpus::from_milli(milli), None), 600, true);
        let there = Contender { reserved: Cpus::from_milli(1050), ..contender(1, at("a", 1050), 400, true) };
        let start = |job, needs| contender(job, Seat::ToStart, needs, true);
        // Beside the first one there is no room for the second, however little that needs: it has the other node. So the third is beside one of them.
        assert_eq!(sizes(&[there, asked(2, 1050), start(3, 1600)])[2], 950);
        // One that needs just half of a node alone asks for a little less: two of those fit anywhere.
        let alone = contender(1, Seat::ToStart, 1000, true);
        assert_eq!(sizes(&[alone]), [950]);
        assert_eq!(sizes(&[start(1, 1100)]), [1050]);
    }
}
