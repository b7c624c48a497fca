//! What is to happen later, and when offers come.

use std::collections::BTreeMap;

use crate::qos::units::{Span, Timestamp};

/// All timers by their instant; those of one instant in the order in which they were set.
#[derive(Debug)]
pub struct Timers<T> {
    waiting: BTreeMap<(Timestamp, u64), T>,
    set: u64,
}

impl<T> Default for Timers<T> {
    fn default() -> Self {
        Timers { waiting: BTreeMap::new(), set: 0 }
    }
}

impl<T> Timers<T> {
    /// Adds one.
    pub fn set(&mut self, at: Timestamp, timer: T) {
        self.set += 1;
        self.waiting.insert((at, self.set), timer);
    }

    /// Removes those that are not wanted any more.
    pub fn cancel(&mut self, unwanted: impl Fn(&T) -> bool) {
        self.waiting.retain(|_, timer| !unwanted(timer));
    }

    /// All that are waiting, in their order.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.waiting.values()
    }

    /// When the first of them is due.
    pub fn next(&self) -> Option<Timestamp> {
        self.waiting.keys().next().map(|(at, _)| *at)
    }

    /// Takes the first that is due by `now`.
    pub fn pop_due(&mut self, now: Timestamp) -> Option<T> {
        let first = self.waiting.first_entry().filter(|entry| entry.key().0 <= now)?;
        Some(first.remove())
    }
}

/// What comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// A timer.
    Timer,
    /// An offer.
    Offer,
}

/// What is due first by `now`; `None` when nothing is. An offer finds what timers did at the same instant.
pub fn first_due<T>(timers: &Timers<T>, offers: &OfferClock, now: Timestamp) -> Option<Due> {
    let timer = timers.next().filter(|at| *at <= now);
    let offer = Some(offers.due()).filter(|at| *at <= now);
    match (timer, offer) {
        (None, None) => None,
        (Some(timer), Some(offer)) if timer <= offer => Some(Due::Timer),
        (Some(_), None) => Some(Due::Timer),
        (_, Some(_)) => Some(Due::Offer),
    }
}

/// Offers come at whole intervals after the start.
#[derive(Debug)]
pub struct OfferClock {
    origin: Timestamp,
    interval: Span,
    due: Timestamp,
}

impl OfferClock {
    /// Begins `now`.
    pub fn new(now: Timestamp, interval: Span) -> Self {
        OfferClock { origin: now, interval, due: now + interval }
    }

    /// The next offer.
    pub fn due(&self) -> Timestamp {
        self.due
    }

    /// Lets an offer come at `at`, for tests.
    #[cfg(test)]
    pub fn due_at(&mut self, at: Timestamp) {
        self.due = at;
    }

    /// An offer came: the next is the first instant after `now`.
    pub fn passed(&mut self, now: Timestamp) {
        let interval = self.interval.micros().max(1);
        let since = now.since(self.origin).micros();
        self.due = self.origin + Span::from_micros((since.div_euclid(interval) + 1) * interval);
    }
}
