//! What computing the past again has found.

use serde::Serialize;

use super::difference::{Difference, first_difference};
use crate::events::envelope::{Seq, StoredEvent};
use crate::qos::job::RecomputeError;

/// Differences, and decisions of unknown versions, that are told one by one; beyond, they are counted.
const TOLD: usize = 100;

/// What came of it.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct CheckReport {
    /// Events that were read.
    pub events: u64,
    /// Decisions about jobs that were computed again.
    pub decisions: u64,
    /// Answers to tasks of chained jobs that were computed again.
    pub answers: u64,
    /// Rounds of the arbitration that were computed again.
    pub rounds: u64,
    /// Those that came out differently, the first ones.
    pub differences: Vec<Difference>,
    /// How many there are in all.
    pub differing: u64,
    /// Those that this program cannot compute: not a difference. The first ones.
    pub unreadable: Vec<Unreadable>,
    /// How many there are in all.
    pub not_computed: u64,
}

/// A decision that this program cannot compute again.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Unreadable {
    /// The event.
    pub seq: Seq,
    /// The job's uuid, or `cluster`.
    pub job: String,
    /// Why.
    pub reason: String,
}

impl CheckReport {
    /// Whether every decision follows from its log.
    pub fn is_the_same(&self) -> bool {
        self.differing == 0 && self.not_computed == 0
    }

    /// Both reports together; of differences the first ones by their place in the log.
    #[must_use]
    pub fn and(mut self, other: CheckReport) -> CheckReport {
        self.events += other.events;
        self.decisions += other.decisions;
        self.answers += other.answers;
        self.rounds += other.rounds;
        self.differing += other.differing;
        self.not_computed += other.not_computed;
        self.differences.extend(other.differences);
        self.differences.sort_by_key(|difference| difference.seq);
        self.differences.truncate(TOLD);
        self.unreadable.extend(other.unreadable);
        self.unreadable.sort_by_key(|unreadable| unreadable.seq);
        self.unreadable.truncate(TOLD);
        self
    }

    /// `stored` should be `computed`.
    pub(super) fn differs(&mut self, stored: &StoredEvent, computed: &[u8]) {
        let Some((field, recorded, recomputed)) = first_difference(&stored.data, computed) else { return };
        self.differing += 1;
        if self.differences.len() < TOLD {
            self.differences.push(Difference {
                seq: stored.seq,
                job: stored.stream.to_string(),
                version: stored.version,
                kind: stored.kind.to_string(),
                field,
                recorded,
                recomputed,
            });
        }
    }

    /// `stored` was not computed again.
    pub(super) fn cannot(&mut self, stored: &StoredEvent, error: &RecomputeError) {
        // That nothing would be decided is a difference; a version that is not known is none.
        if *error == RecomputeError::NothingToDecide {
            return self.differs(stored, b"null");
        }
        self.unreadable(stored, error.to_string());
    }

    /// `stored` cannot be computed again.
    pub(super) fn unreadable(&mut self, stored: &StoredEvent, reason: String) {
        self.not_computed += 1;
        if self.unreadable.len() < TOLD {
            self.unreadable.push(Unreadable { seq: stored.seq, job: stored.stream.to_string(), reason });
        }
    }
}
