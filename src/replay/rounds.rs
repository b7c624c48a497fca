//! The states that rounds of the arbitration were computed from. A round goes to disk a moment after it was computed, and a job may have moved
//! on meanwhile: states that a later round asks for are kept until it comes.

use std::collections::BTreeMap;

use crate::events::cluster::ArbitrationRound;
use crate::qos::ids::JobId;
use crate::qos::job::JobState;

/// States that are asked for later.
#[derive(Debug, Default)]
pub(super) struct Kept {
    /// How many rounds still ask for a job at a version, and its state once the job has moved on.
    wanted: BTreeMap<(JobId, u64), (u32, Option<JobState>)>,
}

impl Kept {
    /// `round` comes later.
    pub(super) fn expect(&mut self, round: &ArbitrationRound) {
        for input in &round.inputs {
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

    /// The states that `round` was computed from, in its order; the first input whose state is nowhere in the log before it.
    pub(super) fn states(
        &mut self,
        round: &ArbitrationRound,
        now: &BTreeMap<JobId, JobState>,
    ) -> Result<Vec<JobState>, (JobId, u64)> {
        let mut states = Vec::with_capacity(round.inputs.len());
        for input in &round.inputs {
            let key = (input.job, input.version);
            let current = now.get(&input.job).filter(|state| state.version == input.version);
            let kept = self.wanted.get(&key).and_then(|(_, kept)| kept.as_ref());
            states.push(current.or(kept).cloned().ok_or(key)?);
        }
        for input in &round.inputs {
            let key = (input.job, input.version);
            if let Some((left, _)) = self.wanted.get_mut(&key) {
                *left = left.saturating_sub(1);
                if *left == 0 {
                    self.wanted.remove(&key);
                }
            }
        }
        Ok(states)
    }
}
