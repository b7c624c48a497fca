//! How the time of an iteration depends on the CPU that it has.

/// CPUs that a job's two threads can use at most.
pub const MOST_USABLE: f64 = 2.0;

/// Amdahl's law above one CPU, and proportionality below: the published two columns, one CPU and two.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Speedup {
    /// Seconds at one CPU.
    one_cpu: f64,
    /// Share of the work that several CPUs can divide.
    parallel: f64,
}

impl Speedup {
    /// From the seconds at one and at two CPUs, with the parallel share off by `error` (0.2 is a fifth more than the columns say).
    pub fn new(one_cpu: f64, two_cpus: f64, error: f64) -> Self {
        let parallel = 2.0 * (1.0 - two_cpus / one_cpu);
        Speedup { one_cpu, parallel: (parallel * (1.0 + error)).clamp(0.0, 1.0) }
    }

    /// Seconds of an iteration at `cpus` CPUs; `cpus` is above zero.
    pub fn seconds(&self, cpus: f64) -> f64 {
        if cpus < 1.0 {
            self.one_cpu / cpus
        } else {
            self.one_cpu * ((1.0 - self.parallel) + self.parallel / cpus.min(MOST_USABLE))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_published_columns_are_met_and_below_one_cpu_time_is_inverse_to_it() {
        let speedup = Speedup::new(480.4, 362.2, 0.0);
        assert!((speedup.seconds(1.0) - 480.4).abs() < 1e-9);
        assert!((speedup.seconds(2.0) - 362.2).abs() < 1e-9);
        assert!((speedup.seconds(0.5) - 960.8).abs() < 1e-9);
        assert_eq!(speedup.seconds(3.0), speedup.seconds(2.0));
    }

    #[test]
    fn an_error_changes_what_two_cpus_give_and_never_what_one_does() {
        let (less, more) = (Speedup::new(100.0, 70.0, -0.2), Speedup::new(100.0, 70.0, 0.2));
        assert!((less.seconds(2.0) - 76.0).abs() < 1e-9 && (more.seconds(2.0) - 64.0).abs() < 1e-9);
        assert_eq!((less.seconds(1.0), more.seconds(1.0)), (100.0, 100.0));
    }
}
