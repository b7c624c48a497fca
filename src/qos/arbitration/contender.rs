//! What an arbitration knows of one job, and what it answers.

use crate::qos::ids::JobId;
use crate::qos::units::Cpus;

/// What a job gains from a CPU.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Prospect {
    /// With this CPU from its next choice on,
    pub cpus: Cpus,
    /// it is done by its deadline with this probability, from 0 to 1,
    pub chance: f64,
    /// with this one when it has to wait for a node now and then,
    pub waiting: f64,
    /// with this one when there are more tasks than nodes have room for, and each waits in turn,
    pub queueing: f64,
    /// with this one when only its next iteration has this CPU, those after it the most, and it waits for nothing,
    pub bridge: f64,
    /// with this one in a new task, which follows its present iteration,
    pub moved: f64,
    /// and is expected to be done so many seconds after it; negative when before.
    pub late: f64,
}

impl Prospect {
    /// The chance in a new task, or in the present one.
    pub fn chance_of(&self, moved: bool) -> f64 {
        if moved { self.moved } else { self.chance }
    }
}

/// Where a job is that keeps its node for all iterations, and whose CPU is changed there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seat {
    /// Nobody knows: its tasks come and go, or their CPU is not changed while they run.
    Anywhere,
    /// Its next task is to start, on a node that the framework chooses; with this CPU, when it has been asked for.
    ToStart(Option<Cpus>),
    /// Its task is on this node and has, or is about to get, this CPU.
    On(String, Cpus),
}

/// A job that shares the cluster with others.
#[derive(Debug, Clone, PartialEq)]
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
    /// It gave way after the round before.
    pub gave_way: bool,
    /// It can share a node by turns: its task ends with each iteration, or gets another CPU while it runs.
    pub takes_turns: bool,
    /// Where it is.
    pub seat: Seat,
    /// What it gains, by rising CPU.
    pub prospects: Vec<Prospect>,
}

impl Contender {
    /// The chance with the most CPU that it can get.
    pub fn best_chance(&self) -> f64 {
        self.prospects.last().map_or(0.0, |best| best.chance)
    }

    /// The most CPU that it can get.
    pub fn most(&self) -> Cpus {
        self.prospects.last().map_or(self.floor, |best| best.cpus).max(self.floor)
    }

    /// The least CPU that gives it `chance`, or the most when none does; not below what it gets at least while it can be saved.
    pub fn needs(&self, chance: f64) -> Cpus {
        self.needs_for(chance, false).max(self.least)
    }

    /// The least CPU that gives it `chance`, in a new task or in the present one, or the most when none does.
    pub fn needs_for(&self, chance: f64, moved: bool) -> Cpus {
        let enough = self.prospects.iter().find(|prospect| prospect.chance_of(moved) >= chance);
        enough.map_or(self.most(), |prospect| prospect.cpus)
    }

    /// The least that it can have now: what was asked for can only be made less once it runs.
    pub fn least_now(&self) -> Cpus {
        match &self.seat {
            Seat::ToStart(Some(asked)) => *asked,
            Seat::ToStart(None) | Seat::On(..) | Seat::Anywhere => self.floor,
        }
    }

    /// The sizes between two bounds, the largest first.
    pub fn falling(&self, from: Cpus, to: Cpus) -> impl Iterator<Item = Cpus> + '_ {
        let inside = move |cpus: &Cpus| *cpus >= to && *cpus < from;
        std::iter::once(from)
            .filter(move |_| from >= to)
            .chain(self.prospects.iter().rev().map(|p| p.cpus).filter(inside))
    }

    /// The same job when `chance` is what it is to be judged by.
    pub fn by(mut self, chance: fn(&Prospect) -> f64) -> Self {
        self.prospects.iter_mut().for_each(|prospect| prospect.chance = chance(prospect));
        self
    }

    /// The chance to be on time with `cpus`.
    pub fn chance_with(&self, cpus: Cpus) -> f64 {
        self.chance_of(cpus, false)
    }

    /// The chance to be on time with `cpus`, in a new task or in the present one.
    pub fn chance_of(&self, cpus: Cpus, moved: bool) -> f64 {
        self.prospect(cpus).map_or(0.0, |prospect| prospect.chance_of(moved))
    }

    /// The chance to be on time when only the next iteration has `cpus`.
    pub fn bridge_with(&self, cpus: Cpus) -> f64 {
        self.prospect(cpus).map_or(0.0, |prospect| prospect.bridge)
    }

    /// What it gains from `cpus`: as from the largest size that is no more.
    fn prospect(&self, cpus: Cpus) -> Option<&Prospect> {
        self.prospects.iter().rev().find(|prospect| prospect.cpus <= cpus)
    }

    /// How late it is expected to be with `cpus`, in seconds.
    pub fn late_with(&self, cpus: Cpus) -> f64 {
        let at_least = self.prospects.iter().find(|prospect| prospect.cpus >= cpus).or(self.prospects.last());
        at_least.map_or(0.0, |prospect| prospect.late)
    }

    /// The next larger size.
    pub fn next_size(&self, cpus: Cpus) -> Option<Cpus> {
        self.prospects.iter().map(|prospect| prospect.cpus).find(|size| *size > cpus)
    }
}
