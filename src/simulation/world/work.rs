//! A running container: what it has left to do, and how fast.

use crate::qos::units::{Span, Timestamp};
use crate::simulation::model::Speedup;

/// How fast work is done with a share of CPU.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Pace {
    /// An iteration: what is left is in iterations.
    Iteration(Speedup),
    /// A long-running job: what is left is in CPU-seconds; the speed varies by this factor from segment to segment.
    Segment {
        /// CPU-seconds a second and CPU.
        speed: f64,
    },
}

impl Pace {
    /// Work a second with `share` CPUs.
    fn rate(self, share: f64) -> f64 {
        match self {
            Pace::Iteration(speedup) => 1.0 / speedup.seconds(share),
            Pace::Segment { speed } => share * speed,
        }
    }
}

/// The work of one running container.
#[derive(Debug, Clone, PartialEq)]
pub struct Work {
    left: f64,
    pace: Pace,
    share: f64,
    since: Timestamp,
    /// CPU-seconds that it had.
    used: f64,
    /// Work that was done.
    done: f64,
    /// Rises with every change of the share: an end that was planned before it is no more.
    generation: u64,
}

impl Work {
    /// `left` to do from `now` on; nothing is done until it has a share. `generation` is above that of every earlier work of the job.
    pub fn new(left: f64, pace: Pace, now: Timestamp, generation: u64) -> Self {
        Work { left, pace, share: 0.0, since: now, used: 0.0, done: 0.0, generation }
    }

    /// Takes the time until `now` into account.
    pub fn advance(&mut self, now: Timestamp) {
        let seconds = now.since(self.since).seconds();
        if self.share > 0.0 && seconds > 0.0 {
            let done = (self.pace.rate(self.share) * seconds).min(self.left);
            self.left -= done;
            self.done += done;
            self.used += self.share * seconds;
        }
        self.since = now;
    }

    /// Gives it `share` CPUs from `now` on; the instant of its end and the generation to tell it by, when that has changed.
    pub fn give(&mut self, share: f64, now: Timestamp) -> Option<(Timestamp, u64)> {
        if share == self.share {
            return None;
        }
        self.advance(now);
        self.share = share;
        self.generation += 1;
        let seconds = self.left / self.pace.rate(share);
        // Never before it is done; the rest of a microsecond is nobody's.
        let span = Span::from_micros((seconds * 1e6).ceil().min(9e17) as i64);
        Some((now + span, self.generation))
    }

    /// The generation of its present end.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// CPU-seconds that it had.
    pub fn used(&self) -> f64 {
        self.used
    }

    /// Work that was done, in the units of its pace.
    pub fn done(&self) -> f64 {
        self.done
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(0) + Span::from_secs(seconds)
    }

    #[test]
    fn a_share_that_changes_on_the_way_moves_the_end() {
        let mut work = Work::new(1.0, Pace::Iteration(Speedup::new(100.0, 50.0, 0.0)), at(0), 0);
        assert_eq!(work.give(1.0, at(0)), Some((at(100), 1)));
        assert_eq!(work.give(1.0, at(10)), None);
        // Half is done; the other half at twice the speed takes 25 s.
        assert_eq!(work.give(2.0, at(50)), Some((at(75), 2)));
        work.advance(at(75));
        assert!((work.done() - 1.0).abs() < 1e-9 && (work.used() - 100.0).abs() < 1e-9);
    }

    #[test]
    fn a_segment_uses_cpu_time_at_its_own_speed() {
        let mut work = Work::new(90.0, Pace::Segment { speed: 0.9 }, at(0), 4);
        assert_eq!(work.give(2.0, at(0)), Some((at(50), 5)));
        work.advance(at(25));
        assert!((work.done() - 45.0).abs() < 1e-9);
    }
}
