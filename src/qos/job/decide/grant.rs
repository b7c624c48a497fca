//! What the arbitration over all jobs leaves to one.

use crate::events::job::{GrantReceived, JobEvent, Outcome};
use crate::qos::ids::Framework;
use crate::qos::job::acting::Acting;
use crate::qos::job::command::{Rejection, Ruling};
use crate::qos::job::outlook::ready_since;
use crate::qos::job::prediction::decide_cpus_with;
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
    // In place it need not wait for the end of its iteration, and a neighbour may wait for the room.
    let in_place =
        state.registered.framework == Framework::Chronos && grant.place.is_some() && state.resizes_in_place();
    if !between && !in_place {
        return Ok(Ruling::done(events));
    }
    let mut after = state.clone();
    after.apply(&Recorded { version: state.version + 1, at: now, event: grant.into() });
    let at = if in_place { now } else { about_to_start(&after, now) };
    if let Some((decided, rescaled)) = anew(&after, at)? {
        events.push(decided);
        events.extend(rescaled);
    }
    Ok(Ruling::done(events))
}

/// An iteration that has to run again runs under the newest grant, which may have come while it was under way.
pub fn before_the_next_start(state: &JobState, mut ruling: Ruling, now: Timestamp) -> Result<Ruling, Rejection> {
    if state.grant.is_none() || !ruling.events.iter().any(runs_again) {
        return Ok(ruling);
    }
    let mut after = state.clone();
    for (version, event) in (state.version + 1..).zip(&ruling.events) {
        after.apply(&Recorded { version, at: now, event: event.clone() });
    }
    if after.ending().is_some() || after.work != Work::None || after.remaining() == 0 {
        return Ok(ruling);
    }
    // A dropped start costs what waiting costs; a lost run has to be deployed anew.
    let dropped = ruling.events.iter().any(|event| matches!(event, JobEvent::StartDropped(_)));
    let at = if dropped { about_to_start(&after, now) } else { now };
    if let Some((decided, Some(rescaled))) = anew(&after, at)? {
        ruling.events.extend([decided, rescaled]);
    }
    Ok(ruling)
}

fn runs_again(event: &JobEvent) -> bool {
    match event {
        JobEvent::IterationFinished(finished) => finished.outcome == Outcome::Failed,
        JobEvent::IterationLost(_) | JobEvent::StartDropped(_) => true,
        _ => false,
    }
}

/// Whatever has kept a job from starting, it will begin about now: what its prediction starts from.
fn about_to_start(state: &JobState, now: Timestamp) -> Timestamp {
    let gap = middle(state.history.gaps.as_slice(), state.policy.deployment_time);
    ready_since(state).max(now - gap)
}

/// A decision at `at`, and the change of CPU that it calls for, if any.
fn anew(state: &JobState, at: Timestamp) -> Result<Option<(JobEvent, Option<JobEvent>)>, Rejection> {
    // What it has beyond its reservation is known to be there.
    let free = state.cpus_in_force().zip(state.cpus).map(|(has, reserved)| has.saturating_sub(reserved));
    let Some(decided) = decide_cpus_with(state, at, free)? else { return Ok(None) };
    // What is intended already, and has not reached the framework yet, is what another intention takes the place of.
    let intended = state.resizing_to.unwrap_or(decided.from);
    let rescaled = Acting::of(&decided.policy).and_then(|act| act.rescale(intended, decided.to, state.version + 1));
    Ok(Some((decided.into(), rescaled)))
}
