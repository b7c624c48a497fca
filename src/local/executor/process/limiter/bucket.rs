//! When a group that cannot be given a quota has to stand still: pure arithmetic on what it used.

use std::time::Duration;

/// What a stopped group waits for before it goes on, in time at its rate: one limiter period of the control groups.
const GRANT: Duration = Duration::from_millis(50);
/// What a group may save up at most, in grants: on a loaded machine a group that may run does not do so at once, and
/// must not lose its share by it.
const DEPTH: f64 = 4.0;
/// The longest between two looks: a resize, a kill and a new process are seen within this anyway.
const LONGEST_NAP: Duration = Duration::from_millis(20);
/// The shortest: looking costs CPU time too.
const SHORTEST_NAP: Duration = Duration::from_millis(1);
/// The least that is granted at once, s: below it the looking would cost more than the work.
const SMALLEST_GRANT: f64 = 0.002;

/// What to do until the next look.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    /// The group stands still until then.
    pub stop: bool,
    /// Time to the next look.
    pub nap: Duration,
}

/// A token bucket in CPU seconds. Debt is kept without bound, so that the mean rate is met whatever the machine's load
/// does to single steps; credit is bounded, so that an idle group cannot save up.
#[derive(Debug)]
pub struct Bucket {
    cores: f64,
    tokens: f64,
    stopped: bool,
    /// Cores in use while running, from the last step.
    appetite: f64,
}

impl Bucket {
    /// An empty bucket filled at `cores`.
    pub fn new(cores: f64) -> Self {
        Bucket { cores, tokens: 0.0, stopped: false, appetite: 1.0 }
    }

    /// Changes the rate from now on. Debt and credit keep their length in time: what was overdrawn at a high rate is
    /// not paid back for seconds at a low one.
    pub fn set_cores(&mut self, cores: f64) {
        self.tokens *= cores / self.cores.max(1e-6);
        self.cores = cores;
        self.tokens = self.tokens.min(self.depth());
    }

    /// Forgets the debt: a group that is being ended must be able to act on it.
    pub fn forgive(&mut self) {
        self.tokens = self.grant();
        self.stopped = false;
    }

    /// `used` CPU time was used in the last `elapsed`.
    pub fn step(&mut self, elapsed: Duration, used: Duration) -> Step {
        let (elapsed, used) = (elapsed.as_secs_f64(), used.as_secs_f64());
        self.tokens = (self.tokens + self.cores * elapsed - used).min(self.depth());
        if !self.stopped && elapsed > 0.0 {
            self.appetite = (used / elapsed).max(self.cores).max(0.1);
        }
        self.stopped = if self.stopped { self.tokens < self.grant() } else { self.tokens <= 0.0 };
        let nap = if self.stopped {
            (self.grant() - self.tokens) / self.cores.max(1e-6)
        } else {
            self.tokens / self.appetite
        };
        let nap = Duration::from_secs_f64(nap.clamp(SHORTEST_NAP.as_secs_f64(), LONGEST_NAP.as_secs_f64()));
        Step { stop: self.stopped, nap }
    }

    fn grant(&self) -> f64 {
        (self.cores * GRANT.as_secs_f64()).max(SMALLEST_GRANT)
    }

    fn depth(&self) -> f64 {
        DEPTH * self.grant()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs a load of `threads` busy threads for `seconds` and returns the mean rate; each nap lasts `late` longer.
    fn mean_rate(bucket: &mut Bucket, threads: f64, seconds: f64, late: Duration) -> f64 {
        let (mut at, mut total, mut step) = (0.0, 0.0, Step { stop: false, nap: SHORTEST_NAP });
        while at < seconds {
            let elapsed = step.nap + late;
            let used = if step.stop { 0.0 } else { elapsed.as_secs_f64() * threads };
            (at, total) = (at + elapsed.as_secs_f64(), total + used);
            step = bucket.step(elapsed, Duration::from_secs_f64(used));
        }
        total / at
    }

    #[test]
    fn the_mean_rate_is_met_for_any_load_and_any_lateness() {
        for cores in [0.017, 0.085, 0.289, 0.9, 1.4] {
            for threads in [1.0, 2.0, 4.0] {
                for late in [0, 500, 4_000, 30_000].map(Duration::from_micros) {
                    let rate = mean_rate(&mut Bucket::new(cores), threads, 300.0, late);
                    let wished = cores.min(threads);
                    assert!((rate / wished - 1.0).abs() < 0.03, "{cores} {threads} {late:?}: {rate}");
                }
            }
        }
    }

    #[test]
    fn a_new_rate_holds_at_once() {
        let mut bucket = Bucket::new(0.085);
        mean_rate(&mut bucket, 2.0, 5.0, SHORTEST_NAP);
        bucket.set_cores(0.289);
        assert!((mean_rate(&mut bucket, 2.0, 5.0, SHORTEST_NAP) / 0.289 - 1.0).abs() < 0.03);
    }

    #[test]
    fn idling_saves_nothing_up() {
        let mut bucket = Bucket::new(0.1);
        bucket.step(Duration::from_secs(100), Duration::ZERO);
        assert!(bucket.step(Duration::from_millis(30), Duration::from_millis(30)).stop);
    }
}
