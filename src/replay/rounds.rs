//! The states that rounds of the arbitration were computed from. A round goes to disk a moment after it was computed, and a job may have moved
//! on meanwhile: states that a later round asks for are kept until it comes.

use std::collections::BTreeMap;

use crate::events::cluster::{ArbitrationRound, Inputs, MissingRound, RoundInput};
use crate::qos::ids::JobId;
use crate::qos::job::JobState;

/// States that are asked for later.
#[derive(Debug, Default)]
pub(super) struct Kept {
    /// How many rounds still ask for a job at a version, and its state once the job has moved on.
    wanted: BTreeMap<(JobId, u64), (u32, Option<JobState>)>,
    /// What the rounds that come later add up to, which are recorded as changes to each other,
    expected: Inputs,
    /// and those that have come.
    come: Inputs,
}

/// What a round was computed from.
pub(super) struct Basis {
    /// The states, by the jobs' registration.
    pub states: Vec<JobState>,
    /// The rounds before it, which it may be recorded as changes to.
    pub before: Inputs,
}

/// Why that is not known.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoBasis {
    /// A state is nowhere in the log before it.
    #[error("no event {version} of job {job}, which the round was computed from")]
    State {
        /// Whose.
        job: JobId,
        /// Which.
        version: u64,
    },
    /// It is recorded as changes to a round that is not there.
    #[error(transparent)]
    Round(#[from] MissingRound),
}

impl Kept {
    /// `round` comes later.
    pub(super) fn expect(&mut self, round: &ArbitrationRound) {
        // What is wrong is said when it comes.
        if self.expected.take(round).is_err() {
            return;
        }
        for input in self.expected.jobs() {
            self.wanted.entry((input.job, input.version)).or_default().0 += 1;
        }
    }

    /// The job of `state` is about to move on.
    pub(super) fn moves_on(&mut self, state: &JobState) {
        if self.wanted.is_empty() {
            return;
        }
        if let Some((_, kept)) = self.wanted.get_mut(&(state.registered.job, state.version)) {
            *kept = Some(state.clone());
        }
    }

    /// What `round` was computed from, with `now` the jobs' newest states.
    pub(super) fn basis(
        &mut self,
        round: &ArbitrationRound,
        now: &BTreeMap<JobId, JobState>,
    ) -> Result<Basis, NoBasis> {
        let before = self.come.clone();
        self.come.take(round)?;
        let inputs: Vec<RoundInput> = self.come.jobs().cloned().collect();
        let mut states = Vec::with_capacity(inputs.len());
        for input in &inputs {
            let (job, version) = (input.job, input.version);
            let current = now.get(&job).filter(|state| state.version == version);
            let kept = self.wanted.get(&(job, version)).and_then(|(_, kept)| kept.as_ref());
            states.push(current.or(kept).cloned().ok_or(NoBasis::State { job, version })?);
        }
        for input in &inputs {
            let key = (input.job, input.version);
            if let Some((left, _)) = self.wanted.get_mut(&key) {
                *left = left.saturating_sub(1);
                if *left == 0 {
                    self.wanted.remove(&key);
                }
            }
        }
        states.sort_by_key(|state| (state.registered_at, state.registered.job));
        Ok(Basis { states, before })
    }
}
