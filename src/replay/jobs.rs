//! The recorded decisions about jobs, and what their tasks were told, computed again.

use std::collections::HashMap;

use super::error::ReplayError;
use super::history::decode;
use super::report::CheckReport;
use super::rounds::Wanted;
use crate::events::envelope::StoredEvent;
use crate::events::job::{ChainAnswered, Decided, IterationFinished, JobEvent, RunKey, upcasters};
use crate::events::upcast::Upcasters;
use crate::qos::ids::JobId;
use crate::qos::job::{JobState, RecomputeError, Recorded, recompute, recompute_answer, recompute_progress};
use crate::qos::units::Cpus;

/// Takes the events of jobs, of each job all and in their order. Of different jobs different checkers may take them.
#[derive(Debug)]
pub struct JobsChecker {
    table: Upcasters,
    jobs: HashMap<JobId, Job>,
    kept: Vec<JobState>,
    report: CheckReport,
}

#[derive(Debug)]
struct Job {
    state: JobState,
    /// How many of the versions that rounds ask for have come.
    kept: usize,
    /// A task of a chained job waits for its answer.
    waits: Option<Waiting>,
}

/// What the answer to a task follows from: it is given after the iteration, and recorded after the decision and what that leads to.
#[derive(Debug)]
struct Waiting {
    key: RunKey,
    version: u64,
    resizing_to: Option<Cpus>,
    decided: Option<Decided>,
}

impl Default for JobsChecker {
    fn default() -> Self {
        JobsChecker { table: upcasters(), jobs: HashMap::new(), kept: Vec::new(), report: CheckReport::default() }
    }
}

impl JobsChecker {
    /// Takes the next event, and keeps the states that rounds of the arbitration ask for; those of the cluster's stream are somebody else's.
    ///
    /// # Errors
    /// When it cannot be understood, or a job has no registration. What can be understood and comes out differently is in the report.
    pub fn take(&mut self, stored: &StoredEvent, wanted: &Wanted) -> Result<(), ReplayError> {
        let Some(id) = stored.stream.job() else { return Ok(()) };
        self.report.events += 1;
        let recorded = decode(&self.table, stored)?;
        let Some(job) = self.jobs.get_mut(&id) else {
            let JobEvent::Registered(registered) = &recorded.event else {
                return Err(ReplayError::NoRegistration { job: id });
            };
            let mut job = Job { state: JobState::new(registered.clone(), &recorded), kept: 0, waits: None };
            self.kept.extend(job.asked_for(wanted));
            self.jobs.insert(id, job);
            return Ok(());
        };
        let again = job.again(&recorded.event);
        job.apply(&recorded);
        self.kept.extend(job.asked_for(wanted));
        let Some(again) = again else { return Ok(()) };
        match recorded.event {
            JobEvent::ChainAnswered(_) => self.report.answers += 1,
            _ => self.report.decisions += 1,
        }
        match again {
            Ok(again) => self.compare(stored, &recorded.event, &again),
            Err(error) => {
                self.report.cannot(stored, &error);
                Ok(())
            }
        }
    }

    /// The states that rounds ask for and that have come since the last call.
    pub fn kept(&mut self) -> Vec<JobState> {
        std::mem::take(&mut self.kept)
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
        self.report.differs(stored, &computed);
        Ok(())
    }
}

impl Job {
    /// What follows from the events so far in place of `recorded`; none when it is not computed from them.
    fn again(&mut self, recorded: &JobEvent) -> Option<Result<JobEvent, RecomputeError>> {
        match recorded {
            JobEvent::Decided(decided) => Some(recompute(&self.state, decided).map(JobEvent::from)),
            JobEvent::ProgressDecided(decided) => Some(recompute_progress(&self.state, decided).map(JobEvent::from)),
            JobEvent::ChainAnswered(answered) => Some(self.answer(answered).map(JobEvent::from)),
            _ => None,
        }
    }

    fn answer(&mut self, recorded: &ChainAnswered) -> Result<ChainAnswered, RecomputeError> {
        let Waiting { key, version, resizing_to, decided } =
            self.waits.take().ok_or(RecomputeError::NothingToDecide)?;
        // Of what was recorded since, an answer reads these two only.
        let since = (self.state.version, self.state.resizing_to);
        (self.state.version, self.state.resizing_to) = (version, resizing_to);
        let again = recompute_answer(&self.state, &key, decided.as_ref(), recorded);
        (self.state.version, self.state.resizing_to) = since;
        again
    }

    fn apply(&mut self, recorded: &Recorded) {
        self.state.apply(recorded);
        match &recorded.event {
            JobEvent::IterationFinished(IterationFinished { key, .. }) => {
                let waits = self.state.answering.is_some();
                self.waits = waits.then(|| Waiting {
                    key: key.clone(),
                    version: self.state.version,
                    resizing_to: self.state.resizing_to,
                    decided: None,
                });
            }
            JobEvent::Decided(decided) => {
                if let Some(waiting) = &mut self.waits {
                    waiting.decided = Some(decided.clone());
                }
            }
            _ => {}
        }
    }

    /// The state, if a round asks for it.
    fn asked_for(&mut self, wanted: &Wanted) -> Option<JobState> {
        let versions = wanted.of(self.state.registered.job);
        // Versions rise, in the log and here.
        while versions.get(self.kept).is_some_and(|version| *version < self.state.version) {
            self.kept += 1;
        }
        let asked = versions.get(self.kept) == Some(&self.state.version);
        asked.then(|| self.state.clone())
    }
}
