//! A controller with a memory: the present error, the sum of the errors so far, and how the error changes.

use serde::{Deserialize, Serialize};

use super::Decide;
use super::error::{error_of_iterations, error_of_progress, moved};
use super::view::{LongRunning, ModelValues, Repeated, RepeatedWish, Wish};
use crate::qos::chronos::classify;
use crate::qos::model::Controller;
use crate::qos::performance::Performance;
use crate::qos::units::Cpus;

/// Its gains (relative to the submitted CPU, in thousandths) and its limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pid {
    /// Of the present error.
    pub proportional: u32,
    /// Of the sum of errors.
    pub integral: u32,
    /// Of the change of the error.
    pub derivative: u32,
    /// The sum of errors stays within this, in thousandths.
    pub integral_limit: u32,
    /// Never below.
    pub cpu_min: Cpus,
    /// Never above.
    pub cpu_max: Cpus,
}

impl Default for Pid {
    fn default() -> Self {
        Pid {
            proportional: 800,
            integral: 300,
            derivative: 100,
            integral_limit: 3000,
            cpu_min: Cpus::from_milli(100),
            cpu_max: Cpus::from_milli(2000),
        }
    }
}

impl Pid {
    /// The CPU, and what is to be remembered. `error` is zero within the bounds: there the CPU and the sum stay.
    fn step(
        &self,
        from: Cpus,
        submitted: Cpus,
        error: f64,
        performance: Performance,
        before: Option<Controller>,
    ) -> (Cpus, ModelValues) {
        let before = before.unwrap_or(Controller { error: 0, integral: 0 });
        let (last, sum) = (before.error as f64 / 1e6, before.integral as f64 / 1e6);
        let limit = f64::from(self.integral_limit) / 1000.0;
        let summed = (sum + error).clamp(-limit, limit);
        let gain = |thousandths: u32| f64::from(thousandths) / 1000.0;
        let output = |sum: f64| {
            let relative =
                gain(self.proportional) * error + gain(self.integral) * sum + gain(self.derivative) * (error - last);
            submitted.as_f64() * (1.0 + relative)
        };
        let wanted = output(summed);
        // Beyond a limit the sum would grow without any effect, and have to shrink again before the CPU follows.
        let saturated =
            (wanted > self.cpu_max.as_f64() && error > 0.0) || (wanted < self.cpu_min.as_f64() && error < 0.0);
        let integral = if saturated { sum } else { summed };
        let millionths = |value: f64| (value * 1e6).round() as i64;
        let memory = ModelValues::Controller { error: millionths(error), integral: millionths(integral) };
        (moved(from, wanted, performance, self.cpu_min, self.cpu_max), memory)
    }
}

impl Decide for Pid {
    fn repeated(&self, job: &Repeated<'_>) -> RepeatedWish {
        let (prediction, bounds) = (job.measured_prediction(), job.published_bounds());
        let error = error_of_iterations(job.at, prediction, bounds);
        let performance = classify(prediction, bounds);
        let (cpus, memory) = self.step(job.from, job.submitted, error, performance, job.history.controller);
        RepeatedWish::against(prediction, bounds, cpus, Some(memory))
    }

    fn long_running(&self, job: &LongRunning<'_>) -> Wish {
        let performance = job.published_performance();
        let error = error_of_progress(job.ratio, job.declared);
        let (cpus, memory) = self.step(job.from, job.submitted, error, performance, job.history.controller);
        Wish { performance, cpus, grounds: job.published_grounds(), stays: None, model: Some(memory) }
    }

    fn cpu_max(&self, _submitted: Cpus) -> Cpus {
        self.cpu_max
    }
}
