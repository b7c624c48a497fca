//! The least CPU whose predicted finish, with a margin, is inside the deadline.
//!
//! What an iteration takes with how much CPU is learned from the job's own iterations (`qos::model`); before there are any, the
//! declaration stands in. The margin comes from how much the measurements scatter. CPU is added at once, and taken away only when the
//! deadline would still be kept with a larger margin. Parameters and what they trade: `docs/policies.md`.

mod choice;
mod forecast;
mod iterations;
mod rate;

use serde::{Deserialize, Serialize};

pub use forecast::{Forecast, IterationForecast, RateForecast};

use super::Decide;
use super::view::{LongRunning, Repeated, RepeatedWish, Wish};
use crate::qos::units::{Cpus, Span};

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
    /// The margin, in standard deviations of what is left to do.
    pub margin: u32,
    /// So many times the margin must remain where CPU is taken away.
    pub lowering: u32,
    /// Less than this is not taken away.
    pub least_reduction: Cpus,
    /// Room for one straggler near the end, as a share of an iteration.
    pub straggler: u32,
    /// The serial share that is assumed until it is measured.
    pub serial_share: u32,
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
            cpu_grid: Cpus::from_milli(100),
            target: 970_000,
            margin: 1500,
            lowering: 2500,
            least_reduction: Cpus::from_milli(200),
            straggler: 300_000,
            serial_share: 400_000,
            spread: 50_000,
            own_history: 2,
            resize_downtime: Span::from_secs(20),
        }
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
