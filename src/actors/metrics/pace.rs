//! How fast a backlog is sent.

use std::time::{Duration, Instant};

/// Lets at most so many requests begin in a second.
#[derive(Debug)]
pub(super) struct Pace {
    apart: Duration,
    next: Option<Instant>,
}

impl Pace {
    /// `requests_per_second` is positive.
    pub fn new(requests_per_second: f64) -> Self {
        Pace { apart: Duration::from_secs_f64(1.0 / requests_per_second), next: None }
    }

    /// How long the request that is wanted at `now` has to wait; it counts as made then.
    pub fn wait(&mut self, now: Instant) -> Duration {
        let at = self.next.map_or(now, |next| next.max(now));
        self.next = Some(at + self.apart);
        at - now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_apart_and_time_without_any_is_not_saved_up() {
        let mut pace = Pace::new(10.0);
        let now = Instant::now();
        let ms = Duration::from_millis;
        assert_eq!([pace.wait(now), pace.wait(now), pace.wait(now)], [ms(0), ms(100), ms(200)]);
        let later = now + Duration::from_secs(60);
        assert_eq!([pace.wait(later), pace.wait(later)], [ms(0), ms(100)]);
    }
}
