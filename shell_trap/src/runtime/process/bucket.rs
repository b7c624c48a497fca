//! When to stop and when to continue: a bucket that fills with the limit's rate and is emptied by use. Pure.

use std::time::Duration;

/// Use that is allowed at once after a pause, in seconds: a bucket that fills for ever would allow a burst without end.
const DEPTH: f64 = 0.05;
/// Below this the job is stopped, above the other it goes on: without a gap it would flicker.
const RESUME: f64 = 0.01;

/// A bucket of CPU-seconds.
#[derive(Debug, Clone)]
pub struct Bucket {
    cores: f64,
    level: f64,
    stopped: bool,
}

impl Bucket {
    /// A full one.
    pub fn new(cores: f64) -> Self {
        Bucket { cores, level: DEPTH, stopped: false }
    }

    /// Changes the rate.
    pub fn set_cores(&mut self, cores: f64) {
        self.cores = cores;
    }

    /// Time has passed and CPU time was used; shall the job stand still now?
    pub fn step(&mut self, elapsed: Duration, used: Duration) -> bool {
        self.level = (self.level + elapsed.as_secs_f64() * self.cores - used.as_secs_f64()).min(DEPTH);
        self.stopped = if self.stopped { self.level < RESUME } else { self.level <= 0.0 };
        self.stopped
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_mean_rate_is_the_limit_whatever_the_steps_are(
            cores in 0.1f64..1.9, steps in prop::collection::vec(5u64..30, 200..400),
        ) {
            let mut bucket = Bucket::new(cores);
            let (mut stopped, mut time, mut used) = (false, 0.0, 0.0);
            for step in steps {
                let step = step as f64 / 1000.0;
                // A job of two busy threads.
                let now = if stopped { 0.0 } else { 2.0 * step };
                time += step;
                used += now;
                stopped = bucket.step(Duration::from_secs_f64(step), Duration::from_secs_f64(now));
            }
            // One step's overdraft and the depth of the bucket are the error.
            prop_assert!((used - cores * time).abs() <= DEPTH + 0.13, "{used} of {}", cores * time);
        }
    }
}
