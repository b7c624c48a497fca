//! What the arbitration over all jobs leaves to one.

use crate::events::job::{GrantReceived, JobEvent};
use crate::qos::ids::Framework;
use crate::qos::job::acting::Acting;
use crate::qos::job::command::{Rejection, Ruling};
use crate::qos::job::outlook::ready_since;
use crate::qos::job::prediction::decide_cpus;
use crate::qos::job::state::{JobState, Recorded, Work};
use crate::qos::model::middle;
use crate::qos::units::Timestamp;

/// A grant has come. A job that is between two iterations decides anew at once; any other one at its next decision.
pub fn grant(state: &JobState, grant: GrantReceived, now: Timestamp) -> Result<Ruling, Rejection> {
    if state.ending().is_some() {
        return Err(Rejection::Stale("the job is over"));
    }
    if state.grant.as_ref().is_some_and(|known| known.round >= grant.round) {
        return Err(Rejection::Stale("a newer grant is known"));
    }
    let mut events: Vec<JobEvent> = vec![grant.clone().into()];
    let between = state.registered.framework == Framework::Chronos && state.work == Work::None && state.remaining() > 0;
    if !between {
        return Ok(Ruling::done(events));
    }
    let mut after = state.clone();
    after.apply(&Recorded { version: state.version + 1, at: now, event: grant.into() });
    // Whatever has kept it from starting, it will begin about now.
    let gap = middle(after.history.gaps.as_slice(), after.policy.deployment_time);
    let at = ready_since(&after).max(now - gap);
    if let Some(decided) = decide_cpus(&after, at)? {
        // What is intended already, and has not reached the framework yet, is what another intention takes the place of.
        let intended = after.resizing_to.unwrap_or(decided.from);
        let rescaled = Acting::of(&decided.policy).and_then(|act| act.rescale(intended, decided.to, after.version + 1));
        events.push(decided.into());
        events.extend(rescaled);
    }
    Ok(Ruling::done(events))
}
