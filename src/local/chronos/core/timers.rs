//! What is to happen later.

use std::collections::BTreeMap;

use super::Core;
use crate::local::chronos::task::Wanted;
use crate::local::nodes::Nodes;
use crate::qos::units::{Span, Timestamp};

/// Something that happens at an instant.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Timer {
    /// The scheduler's loop looks at the schedules.
    Look,
    /// 2.4: an occurrence that was planned ahead is due.
    Occurrence { wanted: Wanted, high_priority: bool },
    /// A failed run is tried again.
    Retry { wanted: Wanted, high_priority: bool },
    /// A task's image has been deployed.
    Deployed(u64),
    /// The framework learns the end of a task.
    Terminal(u64),
}

/// All timers by their instant; those of one instant in the order in which they were set.
#[derive(Debug, Default)]
pub(super) struct Timers {
    waiting: BTreeMap<(Timestamp, u64), Timer>,
    set: u64,
}

impl Timers {
    pub(super) fn set(&mut self, at: Timestamp, timer: Timer) {
        self.set += 1;
        self.waiting.insert((at, self.set), timer);
    }

    pub(super) fn cancel(&mut self, unwanted: impl Fn(&Timer) -> bool) {
        self.waiting.retain(|_, timer| !unwanted(timer));
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Timer> {
        self.waiting.values()
    }

    fn next(&self) -> Option<Timestamp> {
        self.waiting.keys().next().map(|(at, _)| *at)
    }

    fn pop_due(&mut self, now: Timestamp) -> Option<Timer> {
        let first = self.waiting.first_entry().filter(|entry| entry.key().0 <= now)?;
        Some(first.remove())
    }
}

impl Core {
    /// When [`super::Event::Tick`] is wanted next, if nothing else happens.
    pub fn next_wakeup(&self) -> Option<Timestamp> {
        let offer = self.anything_queued().then_some(self.offer_due);
        self.timers.next().into_iter().chain(offer).min()
    }

    /// The first instant after the present one at which an offer comes.
    fn next_offer(&self) -> Timestamp {
        let interval = self.settings.offer_interval.micros().max(1);
        let since = self.now.since(self.offer_origin).micros();
        self.offer_origin + Span::from_micros((since.div_euclid(interval) + 1) * interval)
    }

    /// Runs what is due, in the order of time: an offer finds what timers queued at the same instant.
    pub(super) fn catch_up(&mut self, nodes: &mut Nodes) {
        loop {
            let timer = self.timers.next().filter(|at| *at <= self.now);
            let offer = Some(self.offer_due).filter(|at| *at <= self.now);
            match (timer, offer) {
                (None, None) => return,
                (Some(timer), Some(offer)) if timer <= offer => self.run_timer(nodes),
                (Some(_), None) => self.run_timer(nodes),
                (_, Some(_)) => {
                    self.offer_round(nodes);
                    self.offer_due = self.next_offer();
                }
            }
        }
    }

    fn run_timer(&mut self, nodes: &mut Nodes) {
        match self.timers.pop_due(self.now) {
            Some(Timer::Look) => self.look(),
            Some(Timer::Occurrence { wanted, high_priority } | Timer::Retry { wanted, high_priority }) => {
                self.enqueue(wanted, high_priority);
            }
            Some(Timer::Deployed(seq)) => self.deployed(seq, nodes),
            Some(Timer::Terminal(seq)) => self.terminal(seq),
            None => {}
        }
    }
}
