//! As many jobs on time as possible: the cheapest to save come first, the hopeless give way.

use super::contender::{By, Contender};
use super::packing::{Nodes, Sizes};
use super::prospects::Luck;
use super::{Share, Standing};
use crate::qos::units::Cpus;

/// Chances that are given to the saved jobs one after the other: first every one gets an even chance, then every one a good one.
const TIERS: [f64; 5] = [0.5, 0.9, 0.97, 0.99, 0.999];

/// The same where not every job can be saved: surer than this nobody is made before the room is needed. It is the price of CPU-seconds:
/// of the published cases a job in sixteen less is on time than with all tiers, for 4 to 9 % less CPU (`docs/policies.md`).
const SCARCE: [f64; 1] = [0.9];

/// A job whose best chance is less is not saved while others need the room.
pub const HOPE: f64 = 0.3;

/// A job is saved when it gets at least this share of its best chance.
const WORTH_SAVING: f64 = 0.5;

/// What a job that gives way is worth, of the chance that it would have if it got the most from its next iteration but one on.
const BRIDGE: f64 = 0.5;

/// A job that gives way is saved in place of another only when it needs so many millionths of its CPU less: what each needs is a guess from few
/// iterations, and whoever has given way for one of them has lost it. More: chances are missed. Less: two jobs take turns in giving way,
/// and both are late. Of the published case II with soft limits 0.05 of six more are on time for it.
const BACK: u32 = 1_200_000;

/// So much more than it needs is left to a saved job. More: fewer resizes, for more CPU. Of the published cases with soft limits a job is resized
/// a third less often for it, and 2 % more CPU-seconds are kept.
const LITTLE: Cpus = Cpus::from_milli(350);

/// With less of its best chance a job has lost something by a plan.
const NEARLY: f64 = 0.97;

/// A job with less than this chance gains nothing from more than a modest CPU.
const NOTHING_TO_WIN: f64 = 0.05;

fn can_win(one: &Contender, by: By) -> bool {
    one.best(by).max(one.bridge_with(one.most())) > NOTHING_TO_WIN
}

/// What a job gets when there is room for everyone: its wish, unless no CPU makes it likely enough to be on time; then what it would
/// need of it is spared.
pub fn reasonable(one: &Contender) -> Share {
    if can_win(one, By::AT_ONCE) {
        return Share::new(one.wish, Standing::Unlimited);
    }
    Share::new(one.wish.min(one.modest.max(one.floor)), Standing::GivesWay)
}

/// How tasks are put on nodes, and what is then to be expected of each job.
struct Packing {
    /// Whether all sizes find room.
    fits: fn(&Sizes, Nodes) -> bool,
    /// What a job is judged by.
    by: By,
    /// Room that saved jobs may still ask for is kept free of those that give way.
    reserves: bool,
}

/// All tasks always find room.
const ALWAYS: Packing = Packing { fits: Sizes::always_placeable, by: By::AT_ONCE, reserves: true };

/// All tasks would find room if they were put on the nodes with care; they wait now and then.
const WITH_CARE: Packing =
    Packing { fits: Sizes::packable, by: By { luck: Luck::Waiting, bridge: Some(BRIDGE) }, reserves: false };

/// There are more tasks than find room: they take turns.
const IN_TURN: Packing =
    Packing { fits: Sizes::packable_in_turn, by: By { luck: Luck::Queueing, bridge: Some(BRIDGE) }, reserves: false };

/// Sizes for `contenders`, in their order, beside `others`, which keep theirs.
///
/// Either all tasks always find room, at the price of fewer or smaller ones, or they only would if they were put on the nodes with care, or
/// they take turns: whichever lets more jobs be on time.
pub fn share(nodes: Nodes, others: &Sizes, contenders: &[&Contender]) -> Vec<Share> {
    let (always, expected) = plan(nodes, others, contenders, &ALWAYS);
    let loses = |(share, one): (&Share, &&Contender)| {
        let could = one.best_chance().max(one.bridge_with(one.most()));
        could >= HOPE && one.chance_with(share.cpus, By::AT_ONCE) < could * NEARLY
    };
    // A task that keeps its node, and its CPU, for many iterations leaves nobody a turn.
    let turns = contenders.len() <= MOST_FOR_MORE_PLANS && contenders.iter().all(|one| one.takes_turns);
    if !turns || !always.iter().zip(contenders).any(loses) {
        return always;
    }
    let other = |packing: &Packing| plan(nodes, others, contenders, packing);
    // The first of equally good ones: it needs the least luck.
    let better = |best: (Vec<Share>, f64), plan: (Vec<Share>, f64)| if plan.1 > best.1 { plan } else { best };
    [other(&WITH_CARE), other(&IN_TURN)].into_iter().fold((always, expected), better).0
}

/// Beyond so many jobs a plan takes too long to make more than one.
const MOST_FOR_MORE_PLANS: usize = 200;

/// A plan, and how many jobs it is expected to let be on time.
fn plan(nodes: Nodes, others: &Sizes, contenders: &[&Contender], packing: &Packing) -> (Vec<Share>, f64) {
    let mut plan = Plan::new(nodes, others, contenders, packing);
    plan.save();
    plan.raise();
    plan.keep();
    plan.leave_the_rest();
    let value = |(share, one): (&Share, &&Contender)| {
        let chance = one.chance_with(share.cpus, packing.by);
        match share.standing {
            Standing::GivesWay => chance.max(BRIDGE * one.bridge_with(share.cpus)),
            Standing::Saved | Standing::Unlimited => chance,
        }
    };
    let expected = plan.shares.iter().zip(contenders).map(value).sum();
    (plan.shares, expected)
}

struct Plan<'a> {
    nodes: Nodes,
    packing: &'a Packing,
    sizes: Sizes,
    contenders: &'a [&'a Contender],
    shares: Vec<Share>,
}

impl<'a> Plan<'a> {
    fn new(nodes: Nodes, others: &Sizes, contenders: &'a [&'a Contender], packing: &'a Packing) -> Self {
        let mut sizes = others.clone();
        contenders.iter().for_each(|one| sizes.add(one.floor));
        let shares = contenders.iter().map(|one| Share::new(one.floor, Standing::GivesWay)).collect();
        Plan { nodes, packing, sizes, contenders, shares }
    }

    /// Those that can be saved, the cheapest first; of equally cheap ones the surest.
    fn save(&mut self) {
        let hopeful = |place: &usize| self.surest(*place) >= HOPE;
        let places: Vec<usize> = (0..self.contenders.len()).filter(hopeful).collect();
        for (place, wanted) in self.by_need(places, TIERS[0]) {
            let one = self.contenders[place];
            let least = one.needs(self.surest(place) * WORTH_SAVING, self.packing.by).min(wanted);
            if self.give(place, one.falling(wanted, least)) {
                self.shares[place].standing = Standing::Saved;
            }
        }
    }

    /// What is left makes the saved ones surer, all of them in turn.
    fn raise(&mut self) {
        let all = self.shares.iter().all(|share| share.standing == Standing::Saved);
        // What a chained job does not take now it can have only by a new task.
        let now_or_never = self.contenders.iter().any(|one| one.chained);
        let tiers = if all || now_or_never { &TIERS[1..] } else { &SCARCE[..] };
        for tier in tiers {
            for (place, wanted) in self.by_need(self.saved(), *tier) {
                let more = self.contenders[place].falling(wanted, self.shares[place].cpus);
                self.give(place, more);
            }
        }
    }

    /// A little more than a saved one needs is left to it where there is room: the next report would change that again. It costs CPU-seconds
    /// and saves resizes.
    fn keep(&mut self) {
        for place in self.saved() {
            let (one, cpus) = (self.contenders[place], self.shares[place].cpus);
            let (has, enough) = (one.has, cpus.saturating_add(LITTLE));
            if has > cpus && has <= enough {
                self.give(place, std::iter::once(has));
            }
        }
    }

    /// What the saved ones will not need, whatever comes, is for those that give way.
    fn leave_the_rest(&mut self) {
        // A task that runs is not made smaller for one that is to start: room that a saved job may still ask for is kept free.
        let mut reserved = self.sizes.clone();
        for place in self.saved().into_iter().filter(|_| self.packing.reserves) {
            let (one, size) = (self.contenders[place], self.shares[place].cpus);
            reserved.remove(size);
            reserved.add(size.max(one.most().saturating_sub(one.floor)));
        }
        let mut rest: Vec<usize> =
            (0..self.contenders.len()).filter(|place| self.shares[*place].standing == Standing::GivesWay).collect();
        rest.sort_by(|a, b| self.surest(*b).total_cmp(&self.surest(*a)));
        std::mem::swap(&mut self.sizes, &mut reserved);
        for place in rest {
            let one = self.contenders[place];
            let most = if can_win(one, self.packing.by) { one.most() } else { one.modest.max(one.floor) };
            self.give(place, one.falling(most, one.floor));
        }
    }

    fn saved(&self) -> Vec<usize> {
        (0..self.shares.len()).filter(|place| self.shares[*place].standing == Standing::Saved).collect()
    }

    /// The best chance that it has.
    fn surest(&self, place: usize) -> f64 {
        self.contenders[place].best(self.packing.by)
    }

    fn by_need(&self, places: Vec<usize>, chance: f64) -> Vec<(usize, Cpus)> {
        let mut needs: Vec<(usize, Cpus)> =
            places.into_iter().map(|place| (place, self.contenders[place].needs(chance, self.packing.by))).collect();
        let cost = |(place, needs): (usize, Cpus)| match self.contenders[place].gave_way {
            true => needs.per_million(BACK),
            false => needs,
        };
        needs.sort_by(|a, b| cost(*a).cmp(&cost(*b)).then(self.surest(b.0).total_cmp(&self.surest(a.0))));
        needs
    }

    /// The first of `sizes` for which everyone still finds room.
    fn give(&mut self, place: usize, sizes: impl Iterator<Item = Cpus>) -> bool {
        let before = self.shares[place].cpus;
        self.sizes.remove(before);
        for cpus in sizes {
            self.sizes.add(cpus);
            if (self.packing.fits)(&self.sizes, self.nodes) {
                self.shares[place].cpus = cpus;
                return true;
            }
            self.sizes.remove(cpus);
        }
        self.sizes.add(before);
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::qos::arbitration::prospects::table::{self, Prospect};
    use crate::qos::ids::JobId;

    const NODES: Nodes = Nodes { count: 5, cpus: Cpus::from_milli(2000) };

    /// A job that needs this much, with so much less of a chance where it has to wait; with any CPU its next iteration is not lost.
    fn contender(job: u8, needs: u32, waits: f64, bridge: f64) -> Contender {
        likely(job, &|milli| if milli >= needs { 0.999 } else { 0.1 }, waits, bridge)
    }

    /// A job with this chance for each CPU.
    fn likely(job: u8, chance: &dyn Fn(u32) -> f64, waits: f64, bridge: f64) -> Contender {
        let prospect = |milli: u32| {
            let chance = chance(milli);
            let cpus = Cpus::from_milli(milli);
            let bridge = if milli >= 500 { bridge } else { 0.0 };
            Prospect { cpus, chance, waiting: chance * waits, queueing: chance * waits, bridge, moved: 0.0, late: 0.0 }
        };
        let cpus = Cpus::from_milli;
        Contender {
            job: JobId::from_bytes([job; 16]),
            wish: cpus(2000),
            floor: cpus(100),
            least: cpus(100),
            modest: cpus(1000),
            chained: false,
            has: cpus(100),
            reserved: cpus(100),
            gave_way: false,
            takes_turns: true,
            seat: super::super::Seat::Anywhere,
            prospects: table::of((1..=20).map(|tenth| prospect(tenth * 100)).collect()),
        }
    }

    fn shares(nodes: Nodes, contenders: &[Contender]) -> Vec<Share> {
        share(nodes, &Sizes::default(), &contenders.iter().collect::<Vec<_>>())
    }

    fn gives_way(contenders: &[Contender]) -> usize {
        let shares = shares(NODES, contenders);
        shares.iter().filter(|share| share.standing == Standing::GivesWay).count()
    }

    #[test]
    fn who_can_afford_to_wait_shares_the_nodes_in_turn_and_nobody_is_given_up() {
        let crowd = |waits| (1..=6).map(|job| contender(job, 1500, waits, 0.0)).collect::<Vec<_>>();
        assert_eq!(gives_way(&crowd(1.0)), 0, "six large tasks take turns on five nodes");
        assert_eq!(gives_way(&crowd(0.7)), 1, "where waiting costs deadlines, one gives way");
    }

    #[test]
    fn a_job_that_could_be_on_time_later_is_not_starved_now() {
        // Five that need a whole node's better part, and one that no constant CPU saves, but the most from its next iteration but one on.
        let mut crowd: Vec<Contender> = (1..=5).map(|job| contender(job, 1200, 1.0, 1.0)).collect();
        crowd.push(contender(6, 9999, 1.0, 0.99));
        let size = |crowd: &[Contender]| shares(NODES, crowd)[5].cpus.milli();
        assert!(size(&crowd) >= 500, "{}", size(&crowd));
        // Where nothing can be won by it, it gets out of the way.
        crowd[5] = likely(6, &|_| 0.0, 1.0, 0.0);
        assert!(size(&crowd) <= 100, "{}", size(&crowd));
    }

    const ONE: Nodes = Nodes { count: 1, cpus: Cpus::from_milli(2000) };

    /// One that keeps its task, so that nobody takes turns with it.
    fn alone(job: u8, needs: u32) -> Contender {
        Contender { takes_turns: false, ..contender(job, needs, 1.0, 0.0) }
    }

    #[test]
    fn who_gave_way_is_saved_in_place_of_another_only_when_it_needs_a_sixth_less() {
        let saved = |needs: u32, gave_way: bool| {
            let back = Contender { gave_way, ..alone(2, needs) };
            let shares = shares(ONE, &[alone(1, 1500), back]);
            let saved = |share: &Share| share.standing == Standing::Saved;
            assert_eq!(shares.iter().filter(|share| saved(share)).count(), 1, "{shares:?}");
            saved(&shares[1])
        };
        assert!(saved(1400, false), "the cheaper of two is saved");
        assert!(!saved(1400, true), "the two would take turns in giving way");
        assert!(!saved(1300, true) && saved(1200, true));
    }

    #[test]
    fn a_little_more_than_it_needs_is_left_to_a_saved_job_where_there_is_room() {
        let size = |has: u32, beside: u32| {
            let has = Contender { has: Cpus::from_milli(has), ..alone(1, 1000) };
            shares(ONE, &[has, alone(2, beside)]).remove(0)
        };
        // Nobody saves the other one, which needs no room.
        let hopeless = 9999;
        assert_eq!((size(1300, hopeless).cpus.milli(), size(1300, hopeless).standing), (1300, Standing::Saved));
        assert_eq!(size(1500, hopeless).cpus.milli(), 1000, "half a CPU is more than a little");
        assert_eq!(size(700, hopeless).cpus.milli(), 1000, "what it needs it gets");
        assert_eq!(size(1300, 900).cpus.milli(), 1000, "another one is saved by it");
    }
}
