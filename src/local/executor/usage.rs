//! CPU time as it is reported: never smaller than what was reported before.

use std::time::Duration;

use super::CpuUsage;

impl CpuUsage {
    /// User and system time together.
    pub fn total(&self) -> Duration {
        self.user + self.system
    }
}

/// Divides an exact total into user and system time by a coarser pair of counters, and never steps back.
#[derive(Debug, Default)]
pub struct UsageMeter {
    reported: CpuUsage,
}

impl UsageMeter {
    /// Takes a reading: the exact `total`, and user and system time in any common unit. Returns what to report.
    pub fn advance(&mut self, total: Duration, user: f64, system: f64) -> CpuUsage {
        let growth = total.saturating_sub(self.reported.total());
        let total = self.reported.total() + growth;
        let share = if user + system > 0.0 { (system / (user + system)).clamp(0.0, 1.0) } else { 0.0 };
        // The ratio may move the other way between two readings; neither part may.
        let system = total.mul_f64(share).clamp(self.reported.system, self.reported.system + growth);
        self.reported = CpuUsage { user: total.saturating_sub(system), system };
        self.reported
    }

    /// What was reported last.
    pub fn last(&self) -> CpuUsage {
        self.reported
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_total_is_divided_by_the_coarse_counters() {
        let mut meter = UsageMeter::default();
        let usage = meter.advance(Duration::from_millis(400), 3.0, 1.0);
        assert_eq!(usage, CpuUsage { user: Duration::from_millis(300), system: Duration::from_millis(100) });
        assert_eq!(meter.advance(Duration::from_millis(100), 9.0, 1.0), usage);
    }

    proptest! {
        #[test]
        fn no_part_ever_falls(readings in prop::collection::vec((0u64..10_000_000, 0u32..1000, 0u32..1000), 1..40)) {
            let mut meter = UsageMeter::default();
            let mut before = CpuUsage::default();
            let mut largest = Duration::ZERO;
            for (micros, user, system) in readings {
                let total = Duration::from_micros(micros);
                largest = largest.max(total);
                let now = meter.advance(total, f64::from(user), f64::from(system));
                prop_assert!(now.user >= before.user && now.system >= before.system);
                prop_assert_eq!(now.total(), largest);
                before = now;
            }
        }
    }
}
