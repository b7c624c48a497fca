//! A stretch of time, and the parts of it of which Monasca tells the largest value.

use crate::qos::units::{Span, Timestamp};

/// Rows that an answer shall have at most; beyond 10,000 it would be cut off.
const ROWS: u64 = 9_000;

/// From an instant up to another, in parts that lie as the clock has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stretch {
    /// The first instant.
    pub from: Timestamp,
    /// The first instant behind it.
    pub to: Timestamp,
    /// Length of a part in seconds.
    pub period: u64,
}

/// One of them. What was measured in it was measured before its end, and nobody knows how long before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// Its first instant.
    pub start: Timestamp,
    /// The first instant behind it.
    pub end: Timestamp,
}

impl Stretch {
    /// In parts as short as an answer about `jobs` jobs can hold, or so many times longer.
    pub fn of(jobs: usize, from: Timestamp, to: Timestamp, longer: u64) -> Self {
        let to = to.max(from + Span::from_secs(1));
        let seconds = to.since(from).micros().unsigned_abs().div_ceil(1_000_000);
        // A job may have had two containers.
        let shortest = (jobs as u64).saturating_mul(2).saturating_mul(seconds).div_ceil(ROWS).max(1);
        Stretch { from, to, period: shortest.saturating_mul(longer) }
    }

    /// The same, in parts of no more than `longest` seconds: what is in a longer one would be too old before it counts.
    pub fn in_parts_of_at_most(self, longest: u64) -> Self {
        Stretch { period: self.period.min(longest), ..self }
    }

    /// The part that begins at `start`, as far as it lies in the stretch.
    pub fn part(&self, start: Timestamp) -> Part {
        let end = start + Span::from_secs(i64::try_from(self.period).unwrap_or(i64::MAX));
        Part { start: start.max(self.from), end: end.min(self.to) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_micros(second * 1_000_000)
    }

    #[test]
    fn the_parts_of_many_jobs_or_of_a_long_time_are_longer_and_never_more_than_an_answer_holds() {
        let period = |jobs, seconds: i64| Stretch::of(jobs, at(100), at(100 + seconds), 1).period;
        assert_eq!((period(1, 360), period(12, 360), period(13, 360)), (1, 1, 2));
        assert_eq!((period(1, 86_400), period(100, 360)), (20, 8));
        let coarser = Stretch::of(13, at(0), at(360), 4);
        assert_eq!((coarser.period, coarser.in_parts_of_at_most(5).period), (8, 5));
    }

    #[test]
    fn a_part_ends_a_period_after_its_start_and_within_the_stretch() {
        let stretch = Stretch { from: at(105), to: at(120), period: 10 };
        assert_eq!(stretch.part(at(100)), Part { start: at(105), end: at(110) });
        assert_eq!(stretch.part(at(110)), Part { start: at(110), end: at(120) });
    }
}
