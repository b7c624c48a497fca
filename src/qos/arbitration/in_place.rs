//! Jobs that keep their nodes, and whose CPU is changed there: who shares a node, what each of them gets there, and who is to move.
//!
//! A task that runs stays where it is, since another node costs it a deployment. What is decided is how its node is divided, and whether one
//! of all of them would do better elsewhere. A task that is yet to start is reckoned with on the node where all together gain most by it,
//! so that the others make room there before it comes; its size leads the framework there, as far as sizes can.

use std::collections::BTreeMap;

use super::contender::{Contender, Seat};
use super::most_on_time::HOPE;
use super::packing::{Nodes, Sizes};
use super::{Place, Share, Standing};
use crate::qos::units::Cpus;

/// Chances that are given to the jobs of a node one after the other, to each in turn.
const TIERS: [f64; 6] = [0.9, 0.97, 0.99, 0.999, 0.9999, 0.99999];

/// A job moves when so many jobs more are expected to be on time by it: less is within what the forecasts are wrong by.
const WORTH_A_MOVE: f64 = 0.02;

/// Chances that differ by less are equal.
const EQUAL: f64 = 1e-3;

/// The grain of sizes.
const GRAIN: Cpus = Cpus::from_milli(50);

/// A node with room for jobs. A job whose best chance is below [`HOPE`] gets what the others leave.
#[derive(Debug, Clone, Default)]
struct Node {
    /// Places of its jobs among the contenders.
    jobs: Vec<usize>,
}

/// How a node is divided.
struct Filled {
    /// Jobs that are expected to be on time.
    expected: f64,
    sizes: Vec<Cpus>,
    left: Cpus,
}

struct Plan<'a> {
    contenders: &'a [Contender],
    /// CPU of each node that is there for the contenders.
    room: Cpus,
}

/// Sizes for `contenders`, in their order. `others` are on nodes that nobody knows: as many CPUs as they have are spread over all nodes.
pub fn share(nodes: Nodes, others: &Sizes, contenders: &[Contender]) -> Vec<Share> {
    let plan = Plan { contenders, room: nodes.cpus.saturating_sub(others.spread_over(nodes)) };
    let (mut groups, waiting) = plan.seated(usize::try_from(nodes.count).unwrap_or(usize::MAX));
    for place in &waiting {
        plan.put(*place, &mut groups);
    }
    let mover = if waiting.is_empty() { plan.mover(&groups) } else { None };
    let mut shares: Vec<Share> = contenders.iter().map(|one| Share::new(one.floor, Standing::GivesWay)).collect();
    for group in &groups {
        plan.divide(group, &mut shares);
    }
    if let Some(place) = mover {
        shares[place].place = Some(Place::Moves);
    }
    shares
}

impl Plan<'_> {
    /// The nodes with those that run there, and empty ones as far as anybody needs them; and who is to start, the largest first.
    fn seated(&self, count: usize) -> (Vec<Node>, Vec<usize>) {
        let mut on: BTreeMap<&str, Node> = BTreeMap::new();
        let mut waiting = Vec::new();
        for (place, one) in self.contenders.iter().enumerate() {
            match &one.seat {
                Seat::On(host, _) => on.entry(host).or_default().jobs.push(place),
                Seat::ToStart(_) | Seat::Anywhere => waiting.push(place),
            }
        }
        waiting.sort_by_key(|place| std::cmp::Reverse(self.contenders[*place].needs(TIERS[2])));
        let mut groups: Vec<Node> = on.into_values().collect();
        let empty = count.saturating_sub(groups.len()).min(self.contenders.len());
        groups.extend(std::iter::repeat_n(Node::default(), empty));
        (groups, waiting)
    }

    /// On the node where all together gain most by it; of equally good ones the one with the most room.
    fn put(&self, place: usize, groups: &mut [Node]) {
        let mut best: Option<(usize, f64, Cpus)> = None;
        for (at, group) in groups.iter().enumerate() {
            let with = self.fill(group, Some((place, false)), None);
            let gain = with.expected - self.fill(group, None, None).expected;
            let better =
                best.is_none_or(|(_, most, left)| gain > most + EQUAL || gain > most - EQUAL && with.left > left);
            if better {
                best = Some((at, gain, with.left));
            }
        }
        if let Some((at, ..)) = best {
            groups[at].jobs.push(place);
        }
    }

    /// Whose move to another node is worth most, if any is worth it.
    fn mover(&self, groups: &[Node]) -> Option<usize> {
        let now: Vec<f64> = groups.iter().map(|group| self.fill(group, None, None).expected).collect();
        let mut best: Option<(usize, f64)> = None;
        for (from, group) in groups.iter().enumerate().filter(|(_, group)| group.jobs.len() > 1) {
            for place in &group.jobs {
                let without = self.fill(group, None, Some(*place)).expected - now[from];
                for (to, other) in groups.iter().enumerate().filter(|(to, _)| *to != from) {
                    let gain = self.fill(other, Some((*place, true)), None).expected - now[to] + without;
                    if gain > best.map_or(WORTH_A_MOVE, |(_, most)| most) {
                        best = Some((*place, gain));
                    }
                }
            }
        }
        best.map(|(place, _)| place)
    }

    /// Divides a node among its jobs, one more (after a move or not) and one less. The cheapest to save come first; those without hope get
    /// what is left.
    fn fill(&self, group: &Node, more: Option<(usize, bool)>, less: Option<usize>) -> Filled {
        let jobs: Vec<(usize, bool)> =
            group.jobs.iter().filter(|place| Some(**place) != less).map(|place| (*place, false)).chain(more).collect();
        let chance = |at: usize, cpus: Cpus| {
            let (place, moved) = jobs[at];
            self.contenders[place].chance_of(cpus, moved)
        };
        let most = |at: usize| self.contenders[jobs[at].0].most();
        let best = |at: usize| chance(at, most(at));
        let mut sizes: Vec<Cpus> = jobs.iter().map(|(place, _)| self.contenders[*place].least_now()).collect();
        let least = sizes.iter().fold(Cpus::from_milli(0), |sum, floor| sum.saturating_add(*floor));
        let mut left = self.room.saturating_sub(least);
        let mut grow = |sizes: &mut Vec<Cpus>, at: usize, to: Cpus| {
            let more = to.saturating_sub(sizes[at]).min(left);
            sizes[at] = sizes[at].saturating_add(more);
            left = left.saturating_sub(more);
        };
        for tier in TIERS {
            let hopeful = (0..jobs.len()).filter(|at| best(*at) >= HOPE);
            let mut needs: Vec<(Cpus, usize)> =
                hopeful.map(|at| (self.contenders[jobs[at].0].needs_for(tier, jobs[at].1), at)).collect();
            needs.sort();
            for (needed, at) in needs {
                grow(&mut sizes, at, needed);
            }
        }
        for (at, (place, _)) in jobs.iter().enumerate() {
            if best(at) < HOPE {
                grow(&mut sizes, at, self.contenders[*place].wish);
            }
        }
        let expected = (0..jobs.len()).map(|at| chance(at, sizes[at])).sum::<f64>();
        // Where not even the least of all has room, somebody waits.
        let expected = if least > self.room { expected - jobs.len() as f64 } else { expected };
        Filled { expected, sizes, left }
    }

    /// What the jobs of a node are told.
    fn divide(&self, group: &Node, shares: &mut [Share]) {
        let filled = self.fill(group, None, None);
        let mut sizes = filled.sizes;
        // What nobody needs is for whoever wishes for it all the same; the first of them is the largest.
        let mut order: Vec<usize> = (0..sizes.len()).collect();
        order.sort_by_key(|at| std::cmp::Reverse(sizes[*at]));
        let mut left = filled.left;
        for at in &order {
            let more = self.contenders[group.jobs[*at]].most().saturating_sub(sizes[*at]).min(left);
            sizes[*at] = sizes[*at].saturating_add(more);
            left = left.saturating_sub(more);
        }
        let held = |one: &Contender| match &one.seat {
            Seat::On(_, has) | Seat::ToStart(Some(has)) => *has,
            Seat::ToStart(None) | Seat::Anywhere => Cpus::from_milli(0),
        };
        let jobs = || group.jobs.iter().map(|place| &self.contenders[*place]);
        // Nobody grows into what another has not given back yet.
        let mut free =
            self.room.saturating_sub(jobs().fold(Cpus::from_milli(0), |sum, one| sum.saturating_add(held(one))));
        let crowd = group.jobs.iter().filter(|place| self.contenders[**place].seat == Seat::ToStart(None)).count();
        let mut first = true;
        for at in order {
            let (place, one) = (group.jobs[at], &self.contenders[group.jobs[at]]);
            let cpus = match &one.seat {
                Seat::On(_, has) => {
                    let more = sizes[at].saturating_sub(*has).min(free);
                    free = free.saturating_sub(more);
                    sizes[at].min(has.saturating_add(more))
                }
                // More than half a node: as many tasks as there are nodes go to one each; a second one fits beside any of them.
                Seat::ToStart(None) if crowd == group.jobs.len() && crowd <= 2 => {
                    let half = Cpus::from_milli(self.room.milli() / 2);
                    let cpus = if std::mem::take(&mut first) {
                        half.saturating_add(GRAIN)
                    } else {
                        half.saturating_sub(GRAIN)
                    };
                    cpus.min(one.most()).max(one.floor)
                }
                Seat::ToStart(_) | Seat::Anywhere => sizes[at],
            };
            let standing = match () {
                () if one.best_chance() < HOPE => Standing::GivesWay,
                () if cpus >= one.wish => Standing::Unlimited,
                () => Standing::Saved,
            };
            shares[place] = Share { cpus, standing, place: Some(Place::Stays) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::qos::arbitration::Prospect;
    use crate::qos::ids::JobId;

    const NODES: Nodes = Nodes { count: 2, cpus: Cpus::from_milli(2000) };

    fn at(host: &str, has: u32) -> Seat {
        Seat::On(host.to_owned(), Cpus::from_milli(has))
    }

    /// A job that is on time with this much, here or, when it can afford a deployment, in a new task.
    fn contender(job: u8, seat: Seat, needs: u32, can_move: bool) -> Contender {
        let cpus = Cpus::from_milli;
        let prospect = |milli| {
            let chance = if milli >= needs { 0.99999 } else { 0.0 };
            let moved = if can_move { chance } else { 0.0 };
            Prospect { cpus: cpus(milli), chance, waiting: chance, queueing: chance, bridge: chance, moved, late: 0.0 }
        };
        Contender {
            job: JobId::from_bytes([job; 16]),
            wish: cpus(needs.min(2000)),
            floor: cpus(100),
            least: cpus(100),
            modest: cpus(1000),
            chained: true,
            has: Cpus::from_milli(1000),
            gave_way: false,
            takes_turns: true,
            seat,
            prospects: (1..=40).map(|step| prospect(step * 50)).collect(),
        }
    }

    fn plan(contenders: &[Contender]) -> Vec<(u32, Standing, Place)> {
        let shares = share(NODES, &Sizes::default(), contenders);
        shares.iter().map(|share| (share.cpus.milli(), share.standing, share.place.unwrap())).collect()
    }

    fn sizes(contenders: &[Contender]) -> Vec<u32> {
        plan(contenders).iter().map(|(cpus, ..)| *cpus).collect()
    }

    #[test]
    fn a_node_is_divided_by_what_its_jobs_need() {
        let both = [contender(1, at("a", 1200), 1200, false), contender(2, at("a", 800), 800, false)];
        assert_eq!(sizes(&both), [1200, 800]);
        // More than there is: the cheaper one is on time, the other has what is left.
        let crowd = [contender(1, at("a", 1200), 1500, false), contender(2, at("a", 800), 800, false)];
        assert_eq!(plan(&crowd)[0], (1200, Standing::Saved, Place::Stays));
        assert_eq!(plan(&crowd)[1], (800, Standing::Unlimited, Place::Stays));
        // One that nothing saves takes nothing from one that can be.
        let hopeless = [contender(1, at("a", 100), 9999, false), contender(2, at("a", 1900), 1900, false)];
        assert_eq!(plan(&hopeless)[0], (100, Standing::GivesWay, Place::Stays));
        assert_eq!(plan(&hopeless)[1], (1900, Standing::Unlimited, Place::Stays));
    }

    #[test]
    fn nobody_grows_into_what_another_has_not_given_back_yet() {
        let before = [contender(1, at("a", 1000), 1500, false), contender(2, at("a", 1000), 500, false)];
        assert_eq!(sizes(&before), [1000, 500]);
        let after = [contender(1, at("a", 1000), 1500, false), contender(2, at("a", 500), 500, false)];
        assert_eq!(sizes(&after), [1500, 500]);
        // Two that grow share what is free.
        let growing = [
            contender(1, at("a", 300), 1200, false),
            contender(2, at("a", 300), 600, false),
            contender(3, at("a", 1000), 200, false),
        ];
        let sizes = sizes(&growing);
        assert!(sizes[0] + sizes[1] + 1000 <= 2000 && sizes[2] == 200, "{sizes:?}");
    }

    #[test]
    fn one_moves_when_more_are_on_time_by_it_and_can_afford_it() {
        let jobs = |can_move| {
            [
                contender(1, at("a", 1250), 1600, can_move),
                contender(2, at("a", 750), 750, can_move),
                contender(3, at("b", 1200), 1200, can_move),
            ]
        };
        let places = |can_move| plan(&jobs(can_move)).iter().map(|(.., place)| *place).collect::<Vec<_>>();
        assert_eq!(places(true), [Place::Stays, Place::Moves, Place::Stays]);
        assert_eq!(places(false), [Place::Stays; 3]);
        // As long as one is to start, nobody knows where that goes.
        let starting = [jobs(true).as_slice(), &[contender(4, Seat::ToStart(None), 100, true)]].concat();
        assert!(plan(&starting).iter().all(|(.., place)| *place == Place::Stays));
    }

    #[test]
    fn room_is_made_for_one_that_is_to_start_where_all_gain_most() {
        let mover = [
            contender(1, at("a", 2000), 1600, true),
            contender(2, Seat::ToStart(None), 750, true),
            contender(3, at("b", 2000), 1200, true),
        ];
        assert_eq!(sizes(&mover), [2000, 750, 1250]);
    }

    #[test]
    fn as_many_as_there_are_nodes_begin_with_more_than_half_of_one_and_go_to_one_each() {
        let start = |job, needs| contender(job, Seat::ToStart(None), needs, true);
        assert_eq!(sizes(&[start(1, 1600), start(2, 750), start(3, 1200)]), [1050, 950, 1050]);
        assert_eq!(sizes(&[start(1, 1600), start(2, 600)]), [1050, 1050]);
        // What has been asked for stands until it runs.
        let asked = contender(1, Seat::ToStart(Some(Cpus::from_milli(1050))), 1600, true);
        assert_eq!(sizes(&[asked, start(2, 1200), start(3, 600)]), [2000, 1050, 950]);
    }

    proptest::proptest! {
        /// What is told to the jobs of a node, with what those have that are to give some back, is never more than the node.
        #[test]
        fn no_node_is_divided_into_more_than_it_has(
            jobs in proptest::collection::vec((0u8..3, 2u32..=40, 1u32..=44), 1..7),
        ) {
            let mut left = [2000u32, 2000];
            let jobs: Vec<Contender> = (0u8..).zip(jobs).map(|(job, (host, has, needs))| {
                let seat = match left.get_mut(usize::from(host)).filter(|left| **left >= has * 50) {
                    Some(left) => {
                        *left -= has * 50;
                        at(["a", "b"][usize::from(host)], has * 50)
                    }
                    None => Seat::ToStart(None),
                };
                contender(job, seat, needs * 50, true)
            }).collect();
            let shares = share(NODES, &Sizes::default(), &jobs);
            for node in ["a", "b"] {
                let of = |one: &Contender| matches!(&one.seat, Seat::On(host, _) if host == node);
                let has = |one: &Contender| if let Seat::On(_, has) = &one.seat { has.milli() } else { 0 };
                let on: u32 = jobs.iter().zip(&shares).filter(|(one, _)| of(one)).map(|(one, share)| share.cpus.milli().max(has(one))).sum();
                proptest::prop_assert!(on <= 2000, "{on} on {node}: {jobs:?} {shares:?}");
            }
        }
    }
}
