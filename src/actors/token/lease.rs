//! How long a token is good for.

use std::time::{Duration, Instant};

use crate::openstack::Token;

/// A token is renewed when it has less than this left.
const RENEWED_BEFORE: Duration = Duration::from_secs(120);

/// A token with less than this left may end on its way.
const SPARED: Duration = Duration::from_secs(5);

/// A token and its time, counted from the moment at which it was asked for: Keystone issued it later.
#[derive(Debug)]
pub(super) struct Lease {
    token: Token,
    due: Instant,
    end: Instant,
}

impl Lease {
    pub fn new(token: Token, lifetime: Duration) -> Self {
        // Of a life of seconds a part, or it would be renewed with every call.
        let due = lifetime - RENEWED_BEFORE.min(lifetime / 4);
        let end = lifetime - SPARED.min(lifetime / 10);
        // A lifetime that no clock reaches: the next ask looks again.
        let at = |after| token.asked.checked_add(after).unwrap_or(token.asked);
        Lease { due: at(due), end: at(end), token }
    }

    pub fn token(&self) -> &Token {
        &self.token
    }

    /// Whether it is time for the next one.
    pub fn is_due(&self, now: Instant) -> bool {
        now >= self.due
    }

    /// Whether a call made now arrives in time.
    pub fn is_usable(&self, now: Instant) -> bool {
        now < self.end
    }
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;

    use super::*;

    fn seconds_due_and_end(lifetime: u64) -> (f64, f64) {
        let asked = Instant::now();
        let token = Token { header: HeaderValue::from_static("t"), number: 1, asked };
        let lease = Lease::new(token, Duration::from_secs(lifetime));
        assert!(!lease.is_due(asked) && lease.is_usable(asked));
        assert!(lease.is_due(lease.due) && !lease.is_usable(lease.end));
        ((lease.due - asked).as_secs_f64(), (lease.end - asked).as_secs_f64())
    }

    #[test]
    fn a_token_is_renewed_two_minutes_before_its_end_and_a_short_one_in_its_last_quarter() {
        assert_eq!(seconds_due_and_end(3600), (3480.0, 3595.0));
        assert_eq!(seconds_due_and_end(480), (360.0, 475.0));
        assert_eq!(seconds_due_and_end(15), (11.25, 13.5));
        assert_eq!(seconds_due_and_end(1), (0.75, 0.9));
    }
}
