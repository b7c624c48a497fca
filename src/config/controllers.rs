//! `[elasticity]`, the keys of the policies `proportional` and `pid`. What each trades: `docs/policies.md`.

use serde::Serialize;

use super::reader::Section;
use crate::qos::policy::{Pid, Proportional};
use crate::qos::units::Cpus;

/// Gains: the relative change of CPU for a relative error of one.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ControllerSettings {
    /// Of `proportional`.
    pub proportional_gain: f64,
    /// Of `pid`: of the present error.
    pub pid_proportional: f64,
    /// Of `pid`: of the sum of errors.
    pub pid_integral: f64,
    /// Of `pid`: of the change of the error.
    pub pid_derivative: f64,
    /// Of `pid`: the sum of errors stays within this.
    pub pid_integral_limit: f64,
}

impl ControllerSettings {
    pub(super) fn read(s: &mut Section<'_, '_>) -> Self {
        let (proportional, pid) = (Proportional::default(), Pid::default());
        let gain = |milli: u32| f64::from(milli) / 1e3;
        ControllerSettings {
            proportional_gain: s.real("proportional_gain", gain(proportional.gain), 0.0..=100.0),
            pid_proportional: s.real("pid_proportional", gain(pid.proportional), 0.0..=100.0),
            pid_integral: s.real("pid_integral", gain(pid.integral), 0.0..=100.0),
            pid_derivative: s.real("pid_derivative", gain(pid.derivative), 0.0..=100.0),
            pid_integral_limit: s.real("pid_integral_limit", gain(pid.integral_limit), 0.0..=1000.0),
        }
    }

    /// The policy `proportional` between two limits.
    pub fn proportional(&self, cpu_min: Cpus, cpu_max: Cpus) -> Proportional {
        Proportional { gain: thousandths(self.proportional_gain), cpu_min, cpu_max }
    }

    /// The policy `pid` between two limits.
    pub fn pid(&self, cpu_min: Cpus, cpu_max: Cpus) -> Pid {
        Pid {
            proportional: thousandths(self.pid_proportional),
            integral: thousandths(self.pid_integral),
            derivative: thousandths(self.pid_derivative),
            integral_limit: thousandths(self.pid_integral_limit),
            cpu_min,
            cpu_max,
        }
    }
}

/// The ranges of the settings keep this far inside 32 bits.
fn thousandths(gain: f64) -> u32 {
    (gain * 1e3).round() as u32
}
