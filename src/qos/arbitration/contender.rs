//! What an arbitration knows of one job, and what it answers.

use super::node_choice::NodeChoice;
use super::prospects::{Luck, Prospects};
use crate::qos::ids::JobId;
use crate::qos::units::Cpus;

/// What a job is judged by: a chance, and where that is better a part of what it has when it is saved later.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct By {
    /// The chance.
    pub luck: Luck,
    /// The part of [`Luck::Bridge`], if any.
    pub bridge: Option<f64>,
}

impl By {
    /// The chance of who has its CPU at once.
    pub const AT_ONCE: By = By { luck: Luck::AtOnce, bridge: None };
}

/// More than any chance.
const MORE_THAN_SURE: f64 = 1.01;

/// Where a job is that keeps its node for all iterations, and whose CPU is changed there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seat {
    /// Nobody knows: its tasks come and go, or their CPU is not changed while they run.
    Anywhere,
    /// Its next task is to start, and is not asked for yet.
    ToStart,
    /// Its next task was asked for, with this CPU and, where somebody planned it, on one of these nodes.
    Asked(Cpus, Option<NodeChoice>),
    /// Its task is on this node and has, or is about to get, this CPU.
    On(String, Cpus),
}

impl Seat {
    /// The node, where it is known.
    pub fn host(&self) -> Option<&str> {
        match self {
            Seat::On(host, _) | Seat::Asked(_, Some(NodeChoice::On(host))) => Some(host),
            Seat::Asked(..) | Seat::ToStart | Seat::Anywhere => None,
        }
    }
}

/// A job that shares the cluster with others.
#[derive(Debug)]
pub struct Contender {
    /// Which one.
    pub job: JobId,
    /// The CPU that its policy would give it if it were alone.
    pub wish: Cpus,
    /// The least that it gets when it gives way.
    pub floor: Cpus,
    /// The least that it gets while it can be saved: what was submitted, until measurements of its own support less.
    pub least: Cpus,
    /// The most that it gets when it gives way and nothing can be won by more.
    pub modest: Cpus,
    /// Its iterations run in one task, which keeps its node.
    pub chained: bool,
    /// The CPU that it has, or is about to get.
    pub has: Cpus,
    /// What its framework keeps for its task, whatever that is allowed to use.
    pub reserved: Cpus,
    /// It gave way after the round before.
    pub gave_way: bool,
    /// It can share a node by turns: its task ends with each iteration, or gets another CPU while it runs.
    pub takes_turns: bool,
    /// Where it is.
    pub seat: Seat,
    /// What it gains from each CPU.
    pub prospects: Prospects,
}

impl Contender {
    /// What a framework keeps for its task, or was asked to; none when there is no task.
    pub fn kept(&self) -> Option<Cpus> {
        match &self.seat {
            Seat::On(..) => Some(self.reserved),
            Seat::Asked(asked, _) => Some(*asked),
            Seat::ToStart | Seat::Anywhere => None,
        }
    }

    /// The chance with the most CPU that it can get.
    pub fn best_chance(&self) -> f64 {
        self.best(By::AT_ONCE)
    }

    /// The same, judged by another one.
    pub fn best(&self, by: By) -> f64 {
        self.prospects.sizes().len().checked_sub(1).map_or(0.0, |most| self.judged(by, most))
    }

    /// The most CPU that it can get.
    pub fn most(&self) -> Cpus {
        self.prospects.sizes().last().map_or(self.floor, |best| *best).max(self.floor)
    }

    /// The least CPU that gives it `chance`, or the most when none does; not below what it gets at least while it can be saved.
    pub fn needs(&self, chance: f64, by: By) -> Cpus {
        self.needs_for(chance, by).max(self.least)
    }

    /// The least CPU that gives it `chance`, or the most when none does.
    pub fn needs_for(&self, chance: f64, by: By) -> Cpus {
        let (alone, sizes) = (self.prospects.first(by.luck, chance), self.prospects.sizes());
        // Part of a chance is enough when the chance is so many times as great.
        let bridged = by.bridge.map(|part| chance / part).filter(|chance| *chance < MORE_THAN_SURE);
        let bridge = bridged.and_then(|chance| self.prospects.first(Luck::Bridge, chance));
        let first = alone.into_iter().chain(bridge).min();
        first.and_then(|place| sizes.get(place).copied()).unwrap_or(self.most())
    }

    /// The least that it can have now: what was asked for can only be made less once it runs.
    pub fn least_now(&self) -> Cpus {
        match &self.seat {
            Seat::Asked(asked, _) => *asked,
            Seat::ToStart | Seat::On(..) | Seat::Anywhere => self.floor,
        }
    }

    /// The sizes between two bounds, the largest first.
    pub fn falling(&self, from: Cpus, to: Cpus) -> impl Iterator<Item = Cpus> + '_ {
        let inside = move |cpus: &Cpus| *cpus >= to && *cpus < from;
        std::iter::once(from)
            .filter(move |_| from >= to)
            .chain(self.prospects.sizes().iter().rev().copied().filter(inside))
    }

    /// The chance to be on time with `cpus`: as with the largest size that is no more.
    pub fn chance_with(&self, cpus: Cpus, by: By) -> f64 {
        self.prospects.up_to(cpus).map_or(0.0, |place| self.judged(by, place))
    }

    /// The chance to be on time when only the next iteration has `cpus`.
    pub fn bridge_with(&self, cpus: Cpus) -> f64 {
        self.chance_with(cpus, By { luck: Luck::Bridge, bridge: None })
    }

    fn judged(&self, by: By, place: usize) -> f64 {
        let chance = self.prospects.chance(by.luck, place);
        match by.bridge {
            Some(part) if chance < part * MORE_THAN_SURE => {
                chance.max(part * self.prospects.chance(Luck::Bridge, place))
            }
            Some(_) | None => chance,
        }
    }

    /// How late it is expected to be with `cpus`, in seconds.
    pub fn late_with(&self, cpus: Cpus) -> f64 {
        self.prospects.late(self.prospects.from(cpus))
    }

    /// The next larger size.
    pub fn next_size(&self, cpus: Cpus) -> Option<Cpus> {
        let sizes = self.prospects.sizes();
        sizes.get(sizes.partition_point(|size| *size <= cpus)).copied()
    }
}
