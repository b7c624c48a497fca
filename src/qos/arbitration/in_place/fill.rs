//! How one node is divided among its jobs.

use super::super::contender::{By, Contender};
use super::super::most_on_time::HOPE;
use super::super::prospects::Luck;
use crate::qos::units::Cpus;

/// Chances that are given to the jobs of a node one after the other, to each in turn.
pub const TIERS: [f64; 6] = [0.9, 0.97, 0.99, 0.999, 0.9999, 0.99999];

/// A job as the division of a node sees it, in its present task or in a new one. A job whose best chance is below [`HOPE`] gets what
/// the others leave.
#[derive(Debug)]
pub struct Member<'a> {
    one: &'a Contender,
    by: By,
    best: f64,
    /// What it needs for each of [`TIERS`], when there is hope.
    needs: Option<[Cpus; TIERS.len()]>,
    least: Cpus,
}

impl<'a> Member<'a> {
    /// `one` in a new task, if it is to move, or in its present one.
    pub fn new(one: &'a Contender, moves: bool) -> Self {
        let by = By { luck: if moves { Luck::Moved } else { Luck::AtOnce }, bridge: None };
        let best = one.chance_with(one.most(), by);
        let needs = (best >= HOPE).then(|| TIERS.map(|tier| one.needs_for(tier, by)));
        Member { one, by, best, needs, least: one.least_now() }
    }

    /// The chance with the most CPU that it can get.
    pub fn best(&self) -> f64 {
        self.best
    }
}

/// How a node is divided.
#[derive(Debug)]
pub struct Filled {
    /// Jobs that are expected to be on time.
    pub expected: f64,
    /// Of each job.
    pub sizes: Vec<Cpus>,
    /// What nobody needs.
    pub left: Cpus,
}

/// Divides a node with this `room`. The cheapest to save come first; those without hope get what is left.
pub fn fill<'a>(room: Cpus, members: impl Iterator<Item = &'a Member<'a>>) -> Filled {
    let jobs: Vec<&Member<'_>> = members.collect();
    let mut sizes: Vec<Cpus> = jobs.iter().map(|job| job.least).collect();
    let least = sizes.iter().fold(Cpus::from_milli(0), |sum, floor| sum.saturating_add(*floor));
    let mut left = room.saturating_sub(least);
    let mut grow = |sizes: &mut [Cpus], at: usize, to: Cpus| {
        let more = to.saturating_sub(sizes[at]).min(left);
        sizes[at] = sizes[at].saturating_add(more);
        left = left.saturating_sub(more);
    };
    let mut needs: Vec<(Cpus, usize)> = Vec::with_capacity(jobs.len());
    for tier in 0..TIERS.len() {
        needs.clear();
        needs.extend(jobs.iter().enumerate().filter_map(|(at, job)| Some((job.needs?[tier], at))));
        needs.sort_unstable();
        for (needed, at) in &needs {
            grow(&mut sizes, *at, *needed);
        }
    }
    for (at, job) in jobs.iter().enumerate().filter(|(_, job)| job.needs.is_none()) {
        grow(&mut sizes, at, job.one.wish);
    }
    let expected = jobs.iter().zip(&sizes).map(|(job, size)| job.one.chance_with(*size, job.by)).sum::<f64>();
    // Where not even the least of all has room, somebody waits.
    let expected = if least > room { expected - jobs.len() as f64 } else { expected };
    Filled { expected, sizes, left }
}
