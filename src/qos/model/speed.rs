//! How long a piece of work takes with how much CPU.

/// Amdahl's law with a part that no CPU beyond the first makes faster. Both parts in seconds of one CPU, never negative.
///
/// `T(a) = serial + parallel / a` for `a >= 1` CPU, and `(serial + parallel) / a` for less than one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Speed {
    /// The part that runs on one CPU at a time.
    pub serial: f64,
    /// The part that is shared by all CPUs.
    pub parallel: f64,
}

impl Speed {
    /// Factors of the serial and of the parallel part with `cpus`; less than a thousandth of a CPU is taken for that.
    pub fn factors(cpus: f64) -> (f64, f64) {
        let cpus = cpus.max(0.001);
        (if cpus < 1.0 { 1.0 / cpus } else { 1.0 }, 1.0 / cpus)
    }

    /// Work that takes `whole` seconds on one CPU, `share` (0 to 1) of which is serial.
    pub fn of_share(whole: f64, share: f64) -> Self {
        Speed { serial: whole * share, parallel: whole * (1.0 - share) }
    }

    /// Seconds with `cpus`.
    pub fn seconds(&self, cpus: f64) -> f64 {
        let (serial, parallel) = Speed::factors(cpus);
        self.serial * serial + self.parallel * parallel
    }

    /// Seconds on one CPU.
    pub fn whole(&self) -> f64 {
        self.serial + self.parallel
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_law_is_continuous_and_falls() {
        let speed = Speed { serial: 50.0, parallel: 50.0 };
        assert_eq!([0.5, 1.0, 2.0].map(|cpus| speed.seconds(cpus)), [200.0, 100.0, 75.0]);
        assert!(speed.seconds(0.0).is_finite());
        let times: Vec<f64> = (1..40).map(|tenth| speed.seconds(f64::from(tenth) / 10.0)).collect();
        assert!(times.windows(2).all(|pair| pair[0] > pair[1]));
    }
}
