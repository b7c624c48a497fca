//! The ends of a job that no report brings.

use crate::events::job::{Cancelled, Failed, Removal, Removed, Withdrawn};
use crate::qos::ids::Framework;
use crate::qos::job::command::{Rejection, Ruling};
use crate::qos::job::state::{JobState, Phase, Work};

/// Legal only before the first start.
pub fn withdraw(state: &JobState, reason: String, never_submitted: bool) -> Result<Ruling, Rejection> {
    match &state.phase {
        // Asked for twice: the launcher did not see the first answer.
        Phase::Ended(super::super::Ending::Withdrawn { .. }) => Ok(Ruling::nothing()),
        Phase::Registered if state.last_attempt == (0, 0) => {
            let may_come = runs_by_itself(state) && (state.seen || !never_submitted);
            Ok(Ruling::done([Withdrawn { reason, may_come }.into()]))
        }
        Phase::Registered | Phase::Running => Err(Rejection::TooLate(
            "the job has been started; cancel it (DELETE /api/v1/jobs/{uuid}) instead of withdrawing it".into(),
        )),
        Phase::Ended(_) => Err(Rejection::TooLate(format!("the job is {} already", state.state_name()))),
    }
}

/// Marathon starts what is submitted, also long after a launcher gave up waiting for the answer; a Chronos job of ours is started by
/// us alone.
fn runs_by_itself(state: &JobState) -> bool {
    state.registered.framework == Framework::Marathon
}

pub fn cancel(state: &JobState, reason: String) -> Result<Ruling, Rejection> {
    if state.ending().is_some() {
        return Err(Rejection::TooLate(format!("the job is {} already", state.state_name())));
    }
    Ok(Ruling::done([Cancelled { reason }.into()]))
}

pub fn never_seen(state: &JobState) -> Result<Ruling, Rejection> {
    if state.ending().is_some() || state.last_attempt != (0, 0) {
        return Err(Rejection::Stale("the job was seen"));
    }
    if state.phase == Phase::Running {
        // It has reported, so it was there; nobody can start its next iteration.
        let reason = "removed outside: it has reported, but its framework does not show it".into();
        return Ok(Ruling::done([Failed { reason }.into()]));
    }
    let reason = "its framework never showed the job within submit_timeout".into();
    Ok(Ruling::done([Withdrawn { reason, may_come: runs_by_itself(state) }.into()]))
}

pub fn removed_outside(state: &JobState) -> Result<Ruling, Rejection> {
    if state.ending().is_some() {
        return Err(Rejection::Stale("the job has ended"));
    }
    let reason = match &state.work {
        Work::None => "removed outside: its framework no longer has the job",
        Work::Attempted(_) | Work::Running(_) => {
            "removed outside, during an iteration: its framework no longer has the job"
        }
    };
    Ok(Ruling::done([Failed { reason: reason.into() }.into()]))
}

pub fn removed(state: &JobState, how: Removal) -> Result<Ruling, Rejection> {
    if state.ending().is_none() || state.removed {
        return Err(Rejection::Stale("no removal is pending"));
    }
    Ok(Ruling::done([Removed { how }.into()]))
}
