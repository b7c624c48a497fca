//! A recorded decision, computed again from the events before it by the version that made it.

use super::FOLD_VERSION;
use super::chain::answer;
use super::outlook::Outlooks;
use super::prediction::decide_cpus_as;
use super::progress::decide_progress;
use super::round::{ROUND_RULES, round_with};
use super::state::JobState;
use crate::events::cluster::ArbitrationRound;
use crate::events::job::{ChainAnswered, CpuSample, Decided, ProgressDecided, RunKey};
use crate::qos::policy::UnknownVersion;
use crate::qos::units::{Cpus, Timestamp};

/// Why a decision cannot be computed again. Not the same as a decision that comes out differently.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecomputeError {
    /// Made by a newer program.
    #[error("the decision was made with version {fold} of the fold; this program knows versions 1 to {FOLD_VERSION}")]
    UnknownFold {
        /// The recorded version.
        fold: u16,
    },
    /// A round of a newer program.
    #[error("the round was computed by version {rules} of the rules; this program knows versions 1 to {ROUND_RULES}")]
    UnknownRules {
        /// The recorded version.
        rules: u16,
    },
    /// The policy's version.
    #[error(transparent)]
    UnknownPolicy(#[from] UnknownVersion),
    /// The events before it do not lead to any decision.
    #[error("nothing would be decided after the events that come before it")]
    NothingToDecide,
}

/// The decision that follows from `state`, which is the state before the event of `recorded`.
///
/// # Errors
/// When this program cannot make it.
pub fn recompute(state: &JobState, recorded: &Decided) -> Result<Decided, RecomputeError> {
    let fold = known(recorded.fold)?;
    // A version that is not known is named, also where the job's own says something else.
    recorded.policy.rule()?;
    let free = beyond_the_reservation(state, recorded.inputs.ceiling);
    decide_cpus_as(state, recorded.inputs.at, free, fold)?.ok_or(RecomputeError::NothingToDecide)
}

/// The same for a decision about a long-running job.
///
/// # Errors
/// When this program cannot make it.
pub fn recompute_progress(state: &JobState, recorded: &ProgressDecided) -> Result<ProgressDecided, RecomputeError> {
    let fold = known(recorded.fold)?;
    recorded.policy.rule()?;
    let segment = state.execution.as_ref().and_then(|execution| execution.segment.as_ref());
    let segment = segment.ok_or(RecomputeError::NothingToDecide)?;
    let sample = CpuSample { segment: segment.number, at: segment.sampled_at, cpu: segment.cpu, limit: None };
    let free = beyond_the_reservation(state, recorded.inputs.ceiling);
    decide_progress(state, &sample, free, fold)?.ok_or(RecomputeError::NothingToDecide)
}

/// What the task that had reported as `key` was told. `after` is the state after its iteration, `decided` what was decided then. That a task
/// ends by itself is a fact of its report, which nothing but the recorded answer tells.
///
/// # Errors
/// When nobody waited for an answer.
pub fn recompute_answer(
    after: &JobState,
    key: &RunKey,
    decided: Option<&Decided>,
    recorded: &ChainAnswered,
) -> Result<ChainAnswered, RecomputeError> {
    let told = |ending| answer(after, key, decided, ending);
    let goes_on = told(false).ok_or(RecomputeError::NothingToDecide)?;
    Ok(told(true).filter(|ends| ends == recorded).unwrap_or(goes_on))
}

/// What was free is the part of the ceiling that is not reserved.
pub fn beyond_the_reservation(state: &JobState, ceiling: Option<Cpus>) -> Option<Cpus> {
    ceiling.zip(state.cpus).map(|(ceiling, reserved)| ceiling.saturating_sub(reserved))
}

/// The round that follows from `jobs`, which are the states that it was computed from, in its order, at `at`; with what is known of them from
/// the rounds before.
///
/// # Errors
/// When this program does not know its rules.
pub fn recompute_round(
    outlooks: &mut Outlooks,
    jobs: &[&JobState],
    recorded: &ArbitrationRound,
    at: Timestamp,
) -> Result<ArbitrationRound, RecomputeError> {
    match recorded.rules {
        1..=ROUND_RULES => Ok(round_with(outlooks, recorded.aim, recorded.nodes, recorded.number, at, jobs)),
        rules => Err(RecomputeError::UnknownRules { rules }),
    }
}

fn known(fold: u16) -> Result<u16, RecomputeError> {
    if (1..=FOLD_VERSION).contains(&fold) { Ok(fold) } else { Err(RecomputeError::UnknownFold { fold }) }
}
