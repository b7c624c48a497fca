//! Jobs that keep their nodes, and whose CPU is changed there: who shares a node, what each of them gets there, and who is to move.
//!
//! A task that runs stays where it is, since another node costs it a deployment. What is decided is how its node is divided, and whether one
//! of all of them would do better elsewhere. A task that is yet to start is reckoned with on the node where all together gain most by it,
//! so that the others make room there before it comes; its size leads the framework there, as far as sizes can.

mod fill;
mod moves;
mod starting;

use std::collections::BTreeMap;

use fill::{Filled, Member, TIERS, fill};

use super::contender::{By, Contender, Seat};
use super::most_on_time::HOPE;
use super::packing::{Nodes, Sizes};
use super::{Place, Share, Standing};
use crate::qos::units::Cpus;

/// Chances that differ by less are equal.
const EQUAL: f64 = 1e-3;

/// The grain of sizes.
const GRAIN: Cpus = Cpus::from_milli(50);

/// Up to so many pairs of a job and a node each is looked at.
const PAIRS: usize = 1_000;

/// With more, so many nodes are looked at for each job: those with the most CPU that nobody needs.
const MOST_NODES: usize = 16;

/// A node with room for jobs.
#[derive(Debug, Clone, Default)]
struct Node {
    /// Its name, where a job of it runs there or was asked to.
    host: Option<String>,
    /// Places of its jobs among the contenders.
    jobs: Vec<usize>,
}

struct Plan<'a> {
    contenders: &'a [&'a Contender],
    /// The same, each in its present task.
    members: Vec<Member<'a>>,
    /// CPU of each node that is there for the contenders.
    room: Cpus,
}

/// Sizes for `contenders`, in their order. `others` are on nodes that nobody knows: as many CPUs as they have are spread over all nodes.
pub fn share(nodes: Nodes, others: &Sizes, contenders: &[&Contender]) -> Vec<Share> {
    let plan = Plan::new(contenders, nodes.cpus.saturating_sub(others.spread_over(nodes)));
    let (mut groups, waiting) = plan.seated(usize::try_from(nodes.count).unwrap_or(usize::MAX));
    plan.put_all(&waiting, &mut groups);
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

impl<'a> Plan<'a> {
    fn new(contenders: &'a [&'a Contender], room: Cpus) -> Self {
        Plan { contenders, members: contenders.iter().map(|one| Member::new(one, false)).collect(), room }
    }
}

impl Plan<'_> {
    /// The nodes with those that run there, and empty ones as far as anybody needs them; and who is to start, in the order in which they are put
    /// on nodes: the largest first.
    fn seated(&self, count: usize) -> (Vec<Node>, Vec<usize>) {
        let mut on: BTreeMap<&str, Node> = BTreeMap::new();
        let mut waiting = Vec::new();
        for (place, one) in self.contenders.iter().enumerate() {
            match one.seat.host() {
                Some(host) => {
                    let node = on.entry(host).or_insert_with(|| Node { host: Some(host.to_owned()), jobs: vec![] });
                    node.jobs.push(place);
                }
                None => waiting.push(place),
            }
        }
        // Those first that were asked for: they cannot be made to fit any more.
        let is_free = |one: &Contender| one.seat == Seat::ToStart;
        waiting.sort_by_key(|place| {
            let one = self.contenders[*place];
            (is_free(one), std::cmp::Reverse(one.needs(TIERS[2], By::AT_ONCE)))
        });
        let mut groups: Vec<Node> = on.into_values().collect();
        let empty = count.saturating_sub(groups.len()).min(self.contenders.len());
        groups.extend(std::iter::repeat_n(Node::default(), empty));
        (groups, waiting)
    }

    /// Puts each of those that are to start on a node.
    fn put_all(&self, waiting: &[usize], groups: &mut [Node]) {
        let mut now: Vec<Filled> = groups.iter().map(|group| self.fill(group, None)).collect();
        let all = waiting.len().saturating_mul(groups.len()) <= PAIRS;
        for place in waiting {
            let mut nodes: Vec<usize> = (0..groups.len()).filter(|at| self.may_be_on(*place, &groups[*at])).collect();
            if nodes.is_empty() {
                nodes = (0..groups.len()).collect();
            }
            if !all {
                nodes.sort_by_key(|at| (std::cmp::Reverse(now[*at].left), groups[*at].jobs.len()));
                nodes.truncate(MOST_NODES);
            }
            if let Some(at) = self.best_for(*place, nodes, groups, &now) {
                groups[at].jobs.push(*place);
                now[at] = self.fill(&groups[at], None);
            }
        }
    }

    /// Of `nodes` the one where all together gain most by the job; of equally good ones the one with the most room.
    fn best_for(&self, place: usize, nodes: Vec<usize>, groups: &[Node], now: &[Filled]) -> Option<usize> {
        let mut best: Option<(usize, f64, Cpus)> = None;
        for at in nodes {
            let with = self.fill(&groups[at], Some(&self.members[place]));
            let gain = with.expected - now[at].expected;
            let better =
                best.is_none_or(|(_, most, left)| gain > most + EQUAL || gain > most - EQUAL && with.left > left);
            if better {
                best = Some((at, gain, with.left));
            }
        }
        best.map(|(at, ..)| at)
    }

    /// Divides a node among its jobs, and one more.
    fn fill(&self, group: &Node, more: Option<&Member<'_>>) -> Filled {
        fill(self.room, group.jobs.iter().map(|place| &self.members[*place]).chain(more))
    }

    /// What the jobs of a node are told.
    fn divide(&self, group: &Node, shares: &mut [Share]) {
        let filled = self.fill(group, None);
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
            Seat::On(_, has) | Seat::Asked(has, _) => *has,
            Seat::ToStart | Seat::Anywhere => Cpus::from_milli(0),
        };
        let jobs = || group.jobs.iter().map(|place| self.contenders[*place]);
        // Nobody grows into what another has not given back yet.
        let mut free =
            self.room.saturating_sub(jobs().fold(Cpus::from_milli(0), |sum, one| sum.saturating_add(held(one))));
        let crowd = jobs().filter(|one| one.seat == Seat::ToStart).count();
        let mut first = true;
        for at in order {
            let (place, one) = (group.jobs[at], self.contenders[group.jobs[at]]);
            let cpus = match &one.seat {
                Seat::On(_, has) => {
                    let more = sizes[at].saturating_sub(*has).min(free);
                    free = free.saturating_sub(more);
                    sizes[at].min(has.saturating_add(more))
                }
                // More than half a node: as many tasks as there are nodes go to one each; a second one fits beside any of them.
                Seat::ToStart if crowd == group.jobs.len() && crowd <= 2 => {
                    let (less, more) = self.halves();
                    let cpus = if std::mem::take(&mut first) { more } else { less };
                    self.placeable(cpus.min(one.most()), one).max(one.floor)
                }
                // It has to find room beside what is kept for the others, and can use what they do not as soon as it is there.
                Seat::ToStart => self.placeable(sizes[at].min(self.unreserved(group)), one).max(one.floor),
                Seat::Asked(..) | Seat::Anywhere => sizes[at],
            };
            let standing = match () {
                () if one.best_chance() < HOPE => Standing::GivesWay,
                () if cpus >= one.wish => Standing::Unlimited,
                () => Standing::Saved,
            };
            let node = match &one.seat {
                Seat::ToStart => self.choice(group),
                Seat::Asked(_, node) => node.clone(),
                Seat::On(..) | Seat::Anywhere => None,
            };
            shares[place] = Share { cpus, standing, place: Some(Place::Stays), node };
        }
    }
}

#[cfg(test)]
fn plan_of<'a>(nodes: Nodes, contenders: &'a [&'a Contender]) -> (Plan<'a>, Vec<Node>) {
    let plan = Plan::new(contenders, nodes.cpus);
    let (groups, _) = plan.seated(nodes.count as usize);
    (plan, groups)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::qos::arbitration::prospects::table::{self, Prospect};
    use crate::qos::ids::JobId;

    pub const NODES: Nodes = Nodes { count: 2, cpus: Cpus::from_milli(2000) };

    pub fn at(host: &str, has: u32) -> Seat {
        Seat::On(host.to_owned(), Cpus::from_milli(has))
    }

    /// A job that is on time with this much, here or, when it can afford a deployment, in a new task.
    pub fn contender(job: u8, seat: Seat, needs: u32, can_move: bool) -> Contender {
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
            reserved: Cpus::from_milli(1000),
            gave_way: false,
            takes_turns: true,
            seat,
            prospects: table::of((1..=40).map(|step| prospect(step * 50)).collect()),
        }
    }

    pub fn shares(contenders: &[Contender]) -> Vec<Share> {
        share(NODES, &Sizes::default(), &contenders.iter().collect::<Vec<_>>())
    }

    fn plan(contenders: &[Contender]) -> Vec<(u32, Standing, Place)> {
        let shares = shares(contenders);
        shares.iter().map(|share| (share.cpus.milli(), share.standing, share.place.unwrap())).collect()
    }

    pub fn sizes(contenders: &[Contender]) -> Vec<u32> {
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
        let starting: Vec<Contender> = jobs(true).into_iter().chain([contender(4, Seat::ToStart, 100, true)]).collect();
        assert!(plan(&starting).iter().all(|(.., place)| *place == Place::Stays));
    }

    #[test]
    fn room_is_made_for_one_that_is_to_start_where_all_gain_most() {
        let mover = [
            contender(1, at("a", 2000), 1600, true),
            contender(2, Seat::ToStart, 750, true),
            contender(3, at("b", 2000), 1200, true),
        ];
        assert_eq!(sizes(&mover), [2000, 750, 1250]);
    }

    #[test]
    fn as_many_as_there_are_nodes_begin_with_more_than_half_of_one_and_go_to_one_each() {
        let start = |job, needs| contender(job, Seat::ToStart, needs, true);
        assert_eq!(sizes(&[start(1, 1600), start(2, 750), start(3, 1200)]), [1050, 950, 1050]);
        assert_eq!(sizes(&[start(1, 1600), start(2, 600)]), [1050, 1050]);
        // What has been asked for stands until it runs.
        let asked = contender(1, Seat::Asked(Cpus::from_milli(1050), None), 1600, true);
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
                    None => Seat::ToStart,
                };
                contender(job, seat, needs * 50, true)
            }).collect();
            let shares = shares(&jobs);
            for node in ["a", "b"] {
                let of = |one: &Contender| matches!(&one.seat, Seat::On(host, _) if host == node);
                let has = |one: &Contender| if let Seat::On(_, has) = &one.seat { has.milli() } else { 0 };
                let on: u32 = jobs.iter().zip(&shares).filter(|(one, _)| of(one)).map(|(one, share)| share.cpus.milli().max(has(one))).sum();
                proptest::prop_assert!(on <= 2000, "{on} on {node}: {jobs:?} {shares:?}");
            }
        }
    }
}
