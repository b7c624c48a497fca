//! Recorded work, run again in virtual time under the rules of production.

mod long_running;
mod queue;
mod repeated;

pub(super) use long_running::{LongRunningPlan, run_long_running};
pub(super) use repeated::{RepeatedPlan, run_repeated};

use super::outcome::Outcome;
use crate::events::job::JobEvent;
use crate::qos::policy::PolicySettings;
use crate::qos::units::Cpus;
use crate::simulation::model::Luck;

/// What is different.
#[derive(Debug, Clone)]
pub(super) enum Course {
    /// This policy decides.
    Policy(PolicySettings),
    /// The recorded policy decides, with its recorded changes.
    Recorded,
    /// So much CPU, by how many iterations are done or looks were made; the last one holds from there on.
    Forced(Vec<Cpus>),
}

impl Course {
    /// What is forced after `done`.
    fn forced(&self, done: usize) -> Option<Cpus> {
        match self {
            Course::Forced(cpus) => cpus.get(done).or(cpus.last()).copied(),
            Course::Policy(_) | Course::Recorded => None,
        }
    }
}

/// One of the ways in which what is not known may be. The first is the likeliest.
#[derive(Debug, Clone, Copy)]
pub(super) struct Draw {
    pub number: u32,
    /// Iterations have luck of their own instead of that which was recorded.
    pub fresh: bool,
}

/// What nobody reaches by counting iterations: the law's own draw.
const OF_THE_LAW: u32 = u32::MAX;

impl Draw {
    /// The law with which the fit is taken for right.
    pub(super) const LIKELIEST: Draw = Draw { number: 0, fresh: false };

    fn luck(self, job: usize, iteration: u32) -> Luck {
        let seed = u64::from(self.number) * 2 + u64::from(self.fresh);
        Luck::of(seed, u32::try_from(job).unwrap_or(u32::MAX), iteration)
    }

    /// The two normal draws of `job`'s law.
    fn of_the_law(self, job: usize) -> Option<(f64, f64)> {
        (self.number > 0).then(|| (self.luck(job, OF_THE_LAW).noise, self.luck(job, OF_THE_LAW - 1).noise))
    }

    /// What a measurement that nobody made differs by.
    fn of_a_measurement(self, job: usize, iteration: u32) -> f64 {
        if self.number > 0 { self.luck(job, iteration).noise } else { 0.0 }
    }
}

/// What became of a job that was run again.
#[derive(Debug, Clone)]
pub(super) struct Rerun {
    pub outcome: Outcome,
    /// All decisions, in order.
    pub decisions: Vec<JobEvent>,
    /// Iterations, or CPU-seconds, that were not recorded.
    pub predicted: f64,
}
