//! The recorded rounds of the arbitration, computed again from the states that they name. A round goes to disk a moment after it was computed,
//! and a job may have moved on meanwhile.

use std::collections::{BTreeMap, HashMap};

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::error::ReplayError;
use super::report::CheckReport;
use crate::events::cluster::{ArbitrationRound, Inputs, MissingRound, RoundInput};
use crate::events::envelope::{StoredEvent, StreamId};
use crate::qos::ids::JobId;
use crate::qos::job::{JobState, Outlooks, RecomputeError, recompute_round};

/// What a round says of the states that it asks for: the rest is read when it is computed.
#[derive(Deserialize)]
struct Naming {
    inputs: Vec<Named>,
}

#[derive(Deserialize)]
struct Named {
    job: JobId,
    version: u64,
}

/// The states that rounds ask for.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    versions: HashMap<JobId, Vec<u64>>,
}

impl Wanted {
    /// Takes note of the round that `stored` is; of another event of none. In the order of the log.
    ///
    /// # Errors
    /// When it cannot be understood.
    pub fn expect(&mut self, stored: &StoredEvent) -> Result<(), ReplayError> {
        if stored.stream != StreamId::Cluster || stored.kind != ArbitrationRound::KIND {
            return Ok(());
        }
        // What a round does not name is as the round before it had it.
        for Named { job, version } in read::<Naming>(stored)?.inputs {
            let versions = self.versions.entry(job).or_default();
            if let Err(place) = versions.binary_search(&version) {
                versions.insert(place, version);
            }
        }
        Ok(())
    }

    /// The versions of `job` that are asked for, rising.
    pub(super) fn of(&self, job: JobId) -> &[u64] {
        self.versions.get(&job).map_or(&[], Vec::as_slice)
    }
}

/// Takes the events of the cluster's stream in their order, and before each of them the states that it asks for.
#[derive(Debug, Default)]
pub struct RoundsChecker {
    /// States that no round has taken yet.
    arrived: HashMap<(JobId, u64), Box<JobState>>,
    /// The jobs of the newest round by the versions that it has seen; none where that is nowhere in the log before it.
    seen: BTreeMap<JobId, (u64, Option<Box<JobState>>)>,
    newest: Option<u64>,
    /// The rounds so far, which are recorded as changes to each other.
    come: Inputs,
    outlooks: Outlooks,
    report: CheckReport,
}

/// Why a round cannot be computed.
#[derive(Debug, thiserror::Error)]
enum NoBasis {
    #[error("no event {version} of job {job}, which the round was computed from")]
    State { job: JobId, version: u64 },
    #[error(transparent)]
    Round(#[from] MissingRound),
    #[error(transparent)]
    Rules(#[from] RecomputeError),
    #[error(
        "the round is of schema {schema}: it was computed by an older arbitration, which this program, whose rounds are of schema {}, does not know",
        ArbitrationRound::SCHEMA
    )]
    Older { schema: u16 },
}

impl RoundsChecker {
    /// A job had this state.
    pub fn arrives(&mut self, state: JobState) {
        self.arrived.insert((state.registered.job, state.version), Box::new(state));
    }

    /// Takes the next event of the cluster's stream.
    ///
    /// # Errors
    /// When it cannot be understood. What can be understood and comes out differently is in the report.
    pub fn take(&mut self, stored: &StoredEvent) -> Result<(), ReplayError> {
        self.report.events += 1;
        if stored.kind != ArbitrationRound::KIND {
            return Ok(());
        }
        let recorded: ArbitrationRound = read(stored)?;
        self.report.rounds += 1;
        match self.again(stored, &recorded) {
            Err(error) => self.report.unreadable(stored, error.to_string()),
            Ok(again) => {
                let computed = serde_json::to_vec(&again)
                    .map_err(|error| ReplayError::Malformed { seq: stored.seq, reason: error.to_string() })?;
                if computed != stored.data {
                    self.report.differs(stored, &computed);
                }
            }
        }
        // That it is no change to the round before was said.
        self.come.take(&recorded).or(Ok(()))
    }

    /// What came of it.
    pub fn finish(self) -> CheckReport {
        self.report
    }

    fn again(&mut self, stored: &StoredEvent, recorded: &ArbitrationRound) -> Result<ArbitrationRound, NoBasis> {
        let number = recorded.number;
        if let Some(since) = recorded.since.filter(|since| self.newest != Some(*since)) {
            return Err(MissingRound { round: number, since }.into());
        }
        self.sees(recorded);
        if stored.schema < ArbitrationRound::SCHEMA {
            return Err(NoBasis::Older { schema: stored.schema });
        }
        let mut states = Vec::with_capacity(self.seen.len());
        for (job, (version, state)) in &self.seen {
            states.push(state.as_deref().ok_or(NoBasis::State { job: *job, version: *version })?);
        }
        states.sort_by_key(|state| (state.registered_at, state.registered.job));
        let whole = recompute_round(&mut self.outlooks, &states, recorded, stored.at)?;
        Ok(if recorded.since.is_some() { self.come.abridged(whole) } else { whole })
    }

    /// What `recorded` was computed from: all that it names, or the changes to what the round before was.
    fn sees(&mut self, recorded: &ArbitrationRound) {
        self.newest = Some(recorded.number);
        let mut before = if recorded.since.is_none() { std::mem::take(&mut self.seen) } else { BTreeMap::new() };
        for job in &recorded.over {
            self.seen.remove(job);
        }
        for RoundInput { job, version, .. } in &recorded.inputs {
            let known = before.remove(job).or_else(|| self.seen.remove(job));
            let same = known.and_then(|(known, state)| state.filter(|_| known == *version));
            let state = same.or_else(|| self.arrived.remove(&(*job, *version)));
            self.seen.insert(*job, (*version, state));
        }
    }
}

fn read<T: DeserializeOwned>(stored: &StoredEvent) -> Result<T, ReplayError> {
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
