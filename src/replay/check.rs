//! Everything that was decided, computed again from the events before it.

use super::error::ReplayError;
use super::jobs::JobsChecker;
use super::report::CheckReport;
use super::rounds::{RoundsChecker, Wanted};
use crate::events::envelope::{StoredEvent, StreamId};

/// Takes events in the order of their log. Each job's events must be all there; whether they are what was written is the hash chain's
/// matter, which comes first.
#[derive(Debug)]
pub struct Checker {
    wanted: Wanted,
    jobs: JobsChecker,
    /// None when they are left to somebody else.
    rounds: Option<RoundsChecker>,
    others: u64,
}

impl Default for Checker {
    fn default() -> Self {
        Checker { rounds: Some(RoundsChecker::default()), ..Checker::of_jobs_alone() }
    }
}

impl Checker {
    /// Leaves the rounds of the arbitration to somebody else: they need all jobs.
    #[must_use]
    pub fn of_jobs_alone() -> Self {
        Checker { wanted: Wanted::default(), jobs: JobsChecker::default(), rounds: None, others: 0 }
    }

    /// Takes note of a round that comes later, so that the states that it asks for are kept. To be called for the events of the cluster's
    /// stream before any other; other events are no matter.
    ///
    /// # Errors
    /// When it cannot be understood.
    pub fn expect(&mut self, stored: &StoredEvent) -> Result<(), ReplayError> {
        if self.rounds.is_some() { self.wanted.expect(stored) } else { Ok(()) }
    }

    /// Takes the next event.
    ///
    /// # Errors
    /// When it cannot be understood, or a job has no registration. What can be understood and comes out differently is in the report.
    pub fn take(&mut self, stored: &StoredEvent) -> Result<(), ReplayError> {
        match (&mut self.rounds, stored.stream) {
            (Some(rounds), StreamId::Cluster) => rounds.take(stored),
            (None, StreamId::Cluster) => {
                self.others += 1;
                Ok(())
            }
            (rounds, StreamId::Job(_)) => {
                self.jobs.take(stored, &self.wanted)?;
                // Without rounds none is asked for.
                if let Some(rounds) = rounds {
                    self.jobs.kept().into_iter().for_each(|state| rounds.arrives(state));
                }
                Ok(())
            }
        }
    }

    /// What came of it.
    pub fn finish(self) -> CheckReport {
        let rounds = self.rounds.map(RoundsChecker::finish).unwrap_or_default();
        let others = CheckReport { events: self.others, ..CheckReport::default() };
        self.jobs.finish().and(rounds).and(others)
    }
}
