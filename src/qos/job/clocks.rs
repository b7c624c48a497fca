//! Instants of other machines' clocks in the supervisor's own.

use crate::qos::units::{Span, Timestamp};

/// `instant`, told at `sent_at` by the same clock and received at `now`: as long before `now` as it was before the sending, and never
/// after `now`. Without `sent_at` the other clock is taken for right.
pub fn here(instant: Timestamp, sent_at: Option<Timestamp>, now: Timestamp) -> Timestamp {
    match sent_at {
        Some(sent_at) => now - sent_at.since(instant).max(Span::ZERO),
        None => instant.min(now),
    }
}
