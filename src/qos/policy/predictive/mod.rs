//! The least CPU with which the job is almost surely done by its deadline.
//!
//! What an iteration takes with how much CPU is learned from the job's own iterations (`qos::model`); before there are any, the
//! declaration stands in. How likely that is follows from how much the measurements scatter, how little is known yet, and stragglers. CPU is added when the job is
//! no longer likely enough to be on time, and taken away where less is as safe. Parameters and what they trade: `docs/policies.md`.

mod choice;
mod forecast;
mod iterations;
mod new_task;
mod rate;

use serde::{Deserialize, Serialize};

pub use forecast::{Forecast, IterationForecast, RateForecast};

use super::Decide;
use super::view::{LongRunning, Repeated, RepeatedWish, Wish};
use crate::qos::units::{Cpus, Span, Timestamp};

/// Its parameters. Shares in millionths, factors in thousandths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Predictive {
    /// Never below.
    pub cpu_min: Cpus,
    /// Never above.
    pub cpu_max: Cpus,
    /// CPUs are multiples of this.
    pub cpu_grid: Cpus,
    /// The share of the deadline that may be used up.
    pub target: u32,
    /// A CPU is chosen so that the job is on time with this probability.
    pub confidence: u32,
    /// CPU is added once that probability is less than this.
    pub enough: u32,
    /// Less than this is not taken away.
    pub least_reduction: Cpus,
    /// The share of iterations that take much longer than the others.
    pub stragglers: u32,
    /// The serial share that is assumed until it is measured.
    pub serial_share: u32,
    /// Limits are shares: a task also gets what its neighbours leave of its node, up to `cpu_max`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub soft: bool,
    /// The relative standard deviation that is assumed until it is measured.
    pub spread: u32,
    /// So many measurements are needed before a job gets less than was submitted.
    pub own_history: u32,
    /// What a restart from a checkpoint is taken for until it was measured.
    pub resize_downtime: Span,
}

impl Default for Predictive {
    fn default() -> Self {
        Predictive {
            cpu_min: Cpus::from_milli(100),
            cpu_max: Cpus::from_milli(2000),
            cpu_grid: Cpus::from_milli(50),
            target: 1_000_000,
            confidence: 993_000,
            enough: 970_000,
            least_reduction: Cpus::from_milli(100),
            stragglers: 40_000,
            serial_share: 300_000,
            soft: false,
            spread: 150_000,
            own_history: 1,
            resize_downtime: Span::from_secs(20),
        }
    }
}

impl Predictive {
    /// The CPUs that it chooses from, rising.
    pub fn sizes(&self) -> impl Iterator<Item = Cpus> {
        choice::candidates(self)
    }
}

impl Decide for Predictive {
    fn repeated(&self, job: &Repeated<'_>) -> RepeatedWish {
        iterations::decide(self, job)
    }

    fn long_running(&self, job: &LongRunning<'_>) -> Wish {
        rate::decide(self, job)
    }

    fn cpu_max(&self, _submitted: Cpus) -> Cpus {
        self.cpu_max
    }

    fn worth_a_new_task(&self, job: &Repeated<'_>, kept: Cpus, to: Cpus, _upper: Timestamp) -> bool {
        new_task::worth_it(self, job, kept, to)
    }

    fn finish_with(&self, job: &Repeated<'_>, cpus: Cpus) -> Option<Timestamp> {
        Some(IterationForecast::of(self, job).finish(cpus))
    }

    fn decides_within_iterations(&self) -> bool {
        true
    }

    fn decides_at_registration(&self) -> bool {
        true
    }
}

/// Seconds as people read them.
fn seconds(span: Span) -> String {
    let seconds = span.seconds().abs();
    if seconds < 20.0 { format!("{seconds:.1} s") } else { format!("{seconds:.0} s") }
}

#[cfg(test)]
mod rate_tests;
#[cfg(test)]
mod tests;
