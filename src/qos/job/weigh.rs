//! What a decision has weighed, for people: when the job ends with how much CPU, and how likely that is on time. The log holds what was decided;
//! this is computed again from the events before it, by what has decided.

use super::prediction::asked_with;
use super::recompute::beyond_the_reservation;
use super::state::JobState;
use crate::events::job::Decided;
use crate::qos::policy::{Forecast, IterationForecast, Policy};
use crate::qos::units::{Cpus, Timestamp};

/// What is expected with so much CPU.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Weighed {
    /// So much.
    pub cpus: Cpus,
    /// The expected end.
    pub finish: Timestamp,
    /// The probability, from 0 to 1, that it is by the target.
    pub chance: f64,
}

/// With the CPU before, the one that was decided on and the one that was wished for, each once and rising. `state` is the state before the event
/// of `decided`. None for a policy that reckons with no probability, or in a version that is not known.
pub fn weigh(state: &JobState, decided: &Decided) -> Vec<Weighed> {
    let Policy::Predictive(policy) = &decided.policy.policy else { return vec![] };
    if decided.policy.rule().is_err() {
        return vec![];
    }
    let free = beyond_the_reservation(state, decided.inputs.ceiling);
    let Some(job) = asked_with(state, decided.inputs.at, free) else { return vec![] };
    let forecast = IterationForecast::of(policy, &job);
    let mut sizes: Vec<Cpus> = [decided.from, decided.to].into_iter().chain(decided.wish).collect();
    sizes.sort_unstable();
    sizes.dedup();
    let with =
        |cpus| Weighed { cpus, finish: forecast.finish(cpus), chance: forecast.chance(cpus, decided.bounds.upper) };
    sizes.into_iter().map(with).collect()
}
