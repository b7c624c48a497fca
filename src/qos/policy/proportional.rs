//! CPU in proportion to how late, or how early, the job would be.

use serde::{Deserialize, Serialize};

use super::Decide;
use super::error::{error_of_iterations, error_of_progress, moved};
use super::view::{LongRunning, Repeated, RepeatedWish, Wish};
use crate::qos::chronos::classify;
use crate::qos::performance::Performance;
use crate::qos::units::Cpus;

/// Its gain and its limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proportional {
    /// The relative change of CPU for a relative error of one, in thousandths.
    pub gain: u32,
    /// Never below.
    pub cpu_min: Cpus,
    /// Never above.
    pub cpu_max: Cpus,
}

impl Default for Proportional {
    fn default() -> Self {
        Proportional { gain: 1000, cpu_min: Cpus::from_milli(100), cpu_max: Cpus::from_milli(2000) }
    }
}

impl Proportional {
    fn cpus(&self, from: Cpus, error: f64, performance: Performance) -> Cpus {
        let wanted = from.as_f64() * (1.0 + f64::from(self.gain) / 1000.0 * error);
        moved(from, wanted, performance, self.cpu_min, self.cpu_max)
    }
}

impl Decide for Proportional {
    fn repeated(&self, job: &Repeated<'_>) -> RepeatedWish {
        let (prediction, bounds) = (job.measured_prediction(), job.published_bounds());
        let performance = classify(prediction, bounds);
        let cpus = self.cpus(job.from, error_of_iterations(job.at, prediction, bounds), performance);
        RepeatedWish::against(prediction, bounds, cpus, None)
    }

    fn long_running(&self, job: &LongRunning<'_>) -> Wish {
        let performance = job.published_performance();
        let cpus = self.cpus(job.from, error_of_progress(job.ratio, job.declared), performance);
        Wish { performance, cpus, grounds: job.published_grounds(), stays: None, model: None }
    }

    fn cpu_max(&self, _submitted: Cpus) -> Cpus {
        self.cpu_max
    }
}
