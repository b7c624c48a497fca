//! A rate in real cores as the pair of numbers that the kernel's CPU bandwidth control takes.

use crate::qos::units::Cpus;

use super::ExecutorError;

/// The kernel refuses a smaller quota.
const SMALLEST_QUOTA_US: f64 = 1_000.0;
/// The kernel refuses a longer period.
const LONGEST_PERIOD_US: f64 = 1_000_000.0;
/// Short, so that a task that is held to the same rate from inside (the demo's workload) loses nothing to a long pause.
const USUAL_PERIOD_US: f64 = 50_000.0;
/// Quotas below this are avoided by a longer period: one scheduler tick more or less must not matter.
const GOOD_QUOTA_US: f64 = 2_000.0;

/// `cpu.cfs_quota_us` and `cpu.cfs_period_us`, or the two numbers of `cpu.max`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bandwidth {
    /// CPU time in each period, µs.
    pub quota_us: u64,
    /// Length of a period, µs.
    pub period_us: u64,
}

impl Bandwidth {
    /// The bandwidth of `cores` real cores; below 0.001 core it is held there, the least that the kernel can do.
    pub fn of_cores(cores: f64) -> Self {
        let cores = cores.max(SMALLEST_QUOTA_US / LONGEST_PERIOD_US);
        let period = USUAL_PERIOD_US.max(GOOD_QUOTA_US / cores).min(LONGEST_PERIOD_US).round();
        let quota = (cores * period).round().max(SMALLEST_QUOTA_US);
        Bandwidth { quota_us: quota as u64, period_us: period as u64 }
    }
}

/// Real cores behind one virtual CPU; always finite and above zero.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CpuFactor(f64);

impl CpuFactor {
    /// `cores` real cores are one virtual CPU.
    ///
    /// # Errors
    /// When `cores` is not a finite number above zero.
    pub fn new(cores: f64) -> Result<Self, ExecutorError> {
        if cores.is_finite() && cores > 0.0 {
            Ok(CpuFactor(cores))
        } else {
            Err(ExecutorError(format!("cpu_factor {cores}: a number of real cores above 0 is wanted")))
        }
    }

    /// Real cores behind one virtual CPU.
    pub fn get(self) -> f64 {
        self.0
    }

    /// The real cores behind `cpus`.
    pub fn cores(self, cpus: Cpus) -> f64 {
        cpus.as_f64() * self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rate_is_met_to_a_tenth_of_a_percent() {
        for milli in (100..=2_000).chain([8_000]) {
            let cores = f64::from(milli) / 1000.0 * 0.17;
            let b = Bandwidth::of_cores(cores);
            assert!((1_000..=1_000_000).contains(&b.period_us) && b.quota_us >= 1_000, "{b:?}");
            let met = b.quota_us as f64 / b.period_us as f64;
            assert!((met / cores - 1.0).abs() < 1e-3, "{cores} became {met}");
        }
    }

    #[test]
    fn nothing_is_held_at_the_least_the_kernel_takes() {
        assert_eq!(Bandwidth::of_cores(0.0), Bandwidth { quota_us: 1_000, period_us: 1_000_000 });
    }

    #[test]
    fn a_factor_is_a_positive_number() {
        assert!(CpuFactor::new(0.0).is_err() && CpuFactor::new(f64::NAN).is_err());
        assert!(CpuFactor::new(0.17).is_ok_and(|v| (v.cores(Cpus::from_milli(500)) - 0.085).abs() < 1e-12));
    }
}
