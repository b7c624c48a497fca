//! Every recorded decision, computed again from the events before it.

use std::collections::BTreeMap;

use serde::Serialize;

use super::difference::{Difference, first_difference};
use super::error::ReplayError;
use super::history::decode;
use super::rounds::{Basis, Kept};
use crate::events::cluster::ArbitrationRound;
use crate::events::envelope::{Seq, StoredEvent, StreamId};
use crate::events::job::{JobEvent, upcasters};
use crate::events::upcast::Upcasters;
use crate::qos::ids::JobId;
use crate::qos::job::{JobState, RecomputeError, recompute, recompute_progress, recompute_round};

/// Differences, and decisions of unknown versions, that are told one by one; beyond, they are counted.
const TOLD: usize = 100;

/// What came of it.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct CheckReport {
    /// Events that were read.
    pub events: u64,
    /// Decisions about jobs that were computed again.
    pub decisions: u64,
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
}

/// Takes events in the order of their log. Each job's events must be all there; whether they are what was written is the hash chain's
/// matter, which comes first.
#[derive(Debug)]
pub struct Checker {
    table: Upcasters,
    jobs: BTreeMap<JobId, JobState>,
    kept: Kept,
    with_rounds: bool,
    report: CheckReport,
}

impl Default for Checker {
    fn default() -> Self {
        Checker {
            table: upcasters(),
            jobs: BTreeMap::new(),
            kept: Kept::default(),
            with_rounds: true,
            report: CheckReport::default(),
        }
    }
}

impl Checker {
    /// Leaves the rounds of the arbitration to somebody else: they need all jobs.
    #[must_use]
    pub fn of_jobs_alone() -> Self {
        Checker { with_rounds: false, ..Checker::default() }
    }

    /// Takes note of a round that comes later, so that the states that it asks for are kept. To be called for the events of the cluster's
    /// stream before any other; other events are no matter.
    ///
    /// # Errors
    /// When it cannot be understood.
    pub fn expect(&mut self, stored: &StoredEvent) -> Result<(), ReplayError> {
        if self.with_rounds && stored.stream == StreamId::Cluster && stored.kind == ArbitrationRound::KIND {
            self.kept.expect(&round_of(stored)?);
        }
        Ok(())
    }

    /// Takes the next event.
    ///
    /// # Errors
    /// When it cannot be understood, or a job has no registration. What can be understood and comes out differently is in the report.
    pub fn take(&mut self, stored: &StoredEvent) -> Result<(), ReplayError> {
        self.report.events += 1;
        let Some(job) = stored.stream.job() else { return self.of_the_cluster(stored) };
        let recorded = decode(&self.table, stored)?;
        let Some(state) = self.jobs.get_mut(&job) else {
            let JobEvent::Registered(registered) = &recorded.event else {
                return Err(ReplayError::NoRegistration { job });
            };
            self.jobs.insert(job, JobState::new(registered.clone(), &recorded));
            return Ok(());
        };
        let again = match &recorded.event {
            JobEvent::Decided(decided) => Some(recompute(state, decided).map(JobEvent::from)),
            JobEvent::ProgressDecided(decided) => Some(recompute_progress(state, decided).map(JobEvent::from)),
            _ => None,
        };
        self.kept.moves_on(state);
        state.apply(&recorded);
        match again {
            None => Ok(()),
            Some(Ok(again)) => {
                self.report.decisions += 1;
                self.compare(stored, &recorded.event, &again)
            }
            Some(Err(error)) => {
                self.report.decisions += 1;
                self.cannot(stored, &error);
                Ok(())
            }
        }
    }

    /// What came of it.
    pub fn finish(self) -> CheckReport {
        self.report
    }

    fn compare(&mut self, stored: &StoredEvent, recorded: &JobEvent, again: &JobEvent) -> Result<(), ReplayError> {
        let malformed =
            |error: serde_json::Error| ReplayError::Malformed { seq: stored.seq, reason: error.to_string() };
        let computed = again.encode().map_err(malformed)?;
        if computed == stored.data {
            return Ok(());
        }
        // An old event says in its own schema what the new one says in its.
        if stored.schema < again.schema() && recorded.encode().map_err(malformed)? == computed {
            return Ok(());
        }
        self.differs(stored, &computed);
        Ok(())
    }

    fn differs(&mut self, stored: &StoredEvent, computed: &[u8]) {
        let Some((field, recorded, recomputed)) = first_difference(&stored.data, computed) else { return };
        self.report.differing += 1;
        if self.report.differences.len() < TOLD {
            self.report.differences.push(Difference {
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

    fn cannot(&mut self, stored: &StoredEvent, error: &RecomputeError) {
        // That nothing would be decided is a difference; a version that is not known is none.
        if *error == RecomputeError::NothingToDecide {
            return self.differs(stored, b"null");
        }
        self.unreadable(stored, error.to_string());
    }

    fn unreadable(&mut self, stored: &StoredEvent, reason: String) {
        self.report.not_computed += 1;
        if self.report.unreadable.len() < TOLD {
            self.report.unreadable.push(Unreadable { seq: stored.seq, job: stored.stream.to_string(), reason });
        }
    }

    fn of_the_cluster(&mut self, stored: &StoredEvent) -> Result<(), ReplayError> {
        if !self.with_rounds || stored.kind != ArbitrationRound::KIND {
            return Ok(());
        }
        let recorded = round_of(stored)?;
        self.report.rounds += 1;
        if stored.schema < ArbitrationRound::SCHEMA {
            let reason = format!("made by version {} of the arbitration; this program knows its own", stored.schema);
            self.unreadable(stored, reason);
            return Ok(());
        }
        match self.kept.basis(&recorded, &self.jobs) {
            Ok(Basis { states, before }) => {
                let states: Vec<&JobState> = states.iter().collect();
                let whole = recompute_round(&states, &recorded, stored.at);
                let again = if recorded.since.is_some() { before.abridged(whole) } else { whole };
                let malformed = |error: serde_json::Error| error.to_string();
                let computed = serde_json::to_vec(&again)
                    .map_err(|error| ReplayError::Malformed { seq: stored.seq, reason: malformed(error) })?;
                if computed != stored.data {
                    self.differs(stored, &computed);
                }
            }
            Err(error) => self.unreadable(stored, error.to_string()),
        }
        Ok(())
    }
}

fn round_of(stored: &StoredEvent) -> Result<ArbitrationRound, ReplayError> {
    if stored.schema > ArbitrationRound::SCHEMA {
        let reason = format!(
            "a round has schema {}, this version knows up to {}: read the log with a newer one",
            stored.schema,
            ArbitrationRound::SCHEMA
        );
        return Err(ReplayError::Malformed { seq: stored.seq, reason });
    }
    serde_json::from_slice(&stored.data)
        .map_err(|error| ReplayError::Malformed { seq: stored.seq, reason: error.to_string() })
}
