//! Rounds are recorded as changes to the one before: of a thousand jobs one has changed, mostly.

use std::collections::{BTreeMap, BTreeSet};

use super::{ArbitrationRound, RoundInput};
use crate::qos::ids::JobId;

/// So many rounds in a row are recorded as changes at the most: whoever needs all inputs of one has no more to read.
const MOST_CHANGES: u32 = 100;

/// What the recorded rounds add up to: the inputs of the newest one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inputs {
    newest: Option<u64>,
    changes: u32,
    jobs: BTreeMap<JobId, RoundInput>,
}

/// A round is recorded as changes to one that is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("round {round} is recorded as changes to round {since}, which is not the one before it")]
pub struct MissingRound {
    /// Its number.
    pub round: u64,
    /// What it is recorded as changes to.
    pub since: u64,
}

impl Inputs {
    /// `round`, whose inputs are complete, as it is recorded after the rounds before.
    pub fn abridged(&self, mut round: ArbitrationRound) -> ArbitrationRound {
        let Some(newest) = self.newest.filter(|_| self.changes < MOST_CHANGES) else { return round };
        let living: BTreeSet<JobId> = round.inputs.iter().map(|input| input.job).collect();
        round.since = Some(newest);
        round.over = self.jobs.keys().filter(|job| !living.contains(job)).copied().collect();
        // The best chance alone goes with the time, and follows from the rest.
        let same = |a: &RoundInput, b: &RoundInput| (a.version, a.occupied, a.wish) == (b.version, b.occupied, b.wish);
        round.inputs.retain(|input| !self.jobs.get(&input.job).is_some_and(|known| same(known, input)));
        round
    }

    /// Takes a recorded round into account.
    ///
    /// # Errors
    /// When it is recorded as changes to another one than the newest.
    pub fn take(&mut self, round: &ArbitrationRound) -> Result<(), MissingRound> {
        match round.since {
            None => {
                self.jobs.clear();
                self.changes = 0;
            }
            Some(since) if self.newest == Some(since) => self.changes += 1,
            Some(since) => return Err(MissingRound { round: round.number, since }),
        }
        self.newest = Some(round.number);
        for job in &round.over {
            self.jobs.remove(job);
        }
        self.jobs.extend(round.inputs.iter().map(|input| (input.job, input.clone())));
        Ok(())
    }

    /// The inputs of the newest round. Their order is that of the jobs' ids, not that of their registration.
    pub fn jobs(&self) -> impl Iterator<Item = &RoundInput> {
        self.jobs.values()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::qos::arbitration::{Aim, Nodes};
    use crate::qos::units::Cpus;

    fn input(job: u8, version: u64) -> RoundInput {
        let wish = Some(Cpus::from_milli(1250));
        RoundInput { job: JobId::from_bytes([job; 16]), version, occupied: None, wish, best_chance: Some(999_123) }
    }

    fn round(number: u64, inputs: Vec<RoundInput>) -> ArbitrationRound {
        let nodes = Nodes { count: 5, cpus: Cpus::from_milli(2000) };
        let aim = Aim::MostOnTime;
        ArbitrationRound { number, rules: 1, aim, nodes, since: None, inputs, over: vec![], grants: vec![] }
    }

    #[test]
    fn a_round_of_two_hundred_jobs_takes_a_few_hundred_bytes_and_loses_nothing() {
        let mut log = Inputs::default();
        let mut states: Vec<RoundInput> = (0..200).map(|job| input(job, 7)).collect();
        let mut bytes = Vec::new();
        for number in 1..=250u64 {
            // One has changed, another is over.
            let changed = states.len() / 2;
            states[changed].version += 1;
            if number % 3 == 0 {
                states.pop();
            }
            let whole = round(number, states.clone());
            let recorded = log.abridged(whole.clone());
            bytes.push(serde_json::to_vec(&recorded).unwrap().len());
            log.take(&serde_json::from_slice(&serde_json::to_vec(&recorded).unwrap()).unwrap()).unwrap();
            assert_eq!(log.jobs().cloned().collect::<Vec<_>>(), whole.inputs, "{number}");
        }
        let complete = bytes.iter().filter(|bytes| **bytes > 5_000).count();
        // 200 jobs are 18 KB; a change of one job, and another that is over, about 240 bytes.
        assert_eq!((bytes[0] / 1000, complete), (18, 3), "{bytes:?}");
        assert!(bytes.iter().filter(|bytes| **bytes <= 5_000).all(|bytes| *bytes < 260), "{bytes:?}");
    }

    #[test]
    fn a_change_to_a_round_that_is_missing_is_an_error() {
        let mut log = Inputs::default();
        log.take(&round(1, vec![input(1, 1)])).unwrap();
        let third = ArbitrationRound { since: Some(2), ..round(3, vec![]) };
        assert_eq!(log.take(&third), Err(MissingRound { round: 3, since: 2 }));
    }
}
