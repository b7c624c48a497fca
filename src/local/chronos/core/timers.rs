//! What is to happen later.

use super::Core;
use crate::local::chronos::task::Wanted;
use crate::local::nodes::Nodes;
use crate::local::timers::{Due, first_due};
use crate::qos::units::Timestamp;

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

impl Core {
    /// When [`super::Event::Tick`] is wanted next, if nothing else happens.
    pub fn next_wakeup(&self) -> Option<Timestamp> {
        let offer = self.anything_queued().then_some(self.offers.due());
        self.timers.next().into_iter().chain(offer).min()
    }

    /// Runs what is due, in the order of time.
    pub(super) fn catch_up(&mut self, nodes: &mut Nodes) {
        while let Some(due) = first_due(&self.timers, &self.offers, self.now) {
            match due {
                Due::Timer => self.run_timer(nodes),
                Due::Offer => {
                    self.offer_round(nodes);
                    self.offers.passed(self.now);
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
