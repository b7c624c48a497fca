//! A look at a long-running job, or at a chained one under an agent, once a monitoring period: what it has used, how it does, what it should
//! have.

use super::telemetry::{Telemetry, telemetry};
use crate::events::job::{JobEvent, RescaleApplied, RescaleFailed, TelemetryLost};
use crate::qos::job::FOLD_VERSION;
use crate::qos::job::acting::Acting;
use crate::qos::job::command::{LookFacts, Rejection, Ruling};
use crate::qos::job::execution::{Execution, Segment};
use crate::qos::job::prediction::decide_cpus_with;
use crate::qos::job::progress::decide_progress;
use crate::qos::job::state::{Flag, JobState, Recorded};
use crate::qos::units::{Cpus, Timestamp};

/// After this many periods without a sample its absence is recorded, and an agent has not done what it was told.
const SILENT_PERIODS: i64 = 3;

pub fn look(state: &JobState, facts: LookFacts, now: Timestamp) -> Result<Ruling, Rejection> {
    let period = state.registered.supervision.monitoring_period;
    let long_running = state.is_long_running();
    // A chained job is looked at while it can be resized in place.
    let to_look_at = state.ending().is_none() && (long_running || state.resizes_in_place());
    let Some(execution) = state.execution.as_ref().filter(|_| to_look_at) else {
        return Ok(Ruling::nothing());
    };
    if now < execution.looked_at + period {
        return Ok(Ruling::nothing());
    }
    // After a long absence of the supervisor, agents need a moment to be heard.
    let heard_a_period = facts.listening_since.is_none_or(|since| now >= since + period);
    let sample = match telemetry(execution, facts.sample, facts.witness) {
        Telemetry::Sample(sample) => sample,
        unusable => return Ok(without_sample(state, execution, unusable, heard_a_period, now)),
    };
    let mut events: Vec<JobEvent> = vec![sample.clone().into()];
    let asked_at = execution.resize_asked_at.filter(|_| heard_a_period);
    if let Some(to) = state.resizing_to {
        events.extend(outcome_in_place(state, to, sample.limit, asked_at, now));
        return Ok(Ruling::done(events));
    }
    // The sample is the next event of the stream, its decision the one after.
    let mut after = state.clone();
    after.apply(&Recorded { version: state.version + 1, at: now, event: sample.clone().into() });
    let decided = if long_running {
        let decided = decide_progress(&after, &sample, facts.free, FOLD_VERSION)?;
        decided.map(|decided| (decided.from, decided.to, JobEvent::from(decided)))
    } else {
        let decided = decide_cpus_with(&after, now, facts.free)?;
        decided.map(|decided| (decided.from, decided.to, JobEvent::from(decided)))
    };
    if let Some((from, to, decided)) = decided {
        let rescaled = Acting::of(&after.policy).and_then(|act| act.rescale(from, to, after.version + 1));
        events.push(decided);
        events.extend(rescaled);
    }
    Ok(Ruling::done(events))
}

/// Nothing can be decided. Said once: of silence after a while, of a figure that is not the job's at once.
fn without_sample(
    state: &JobState,
    execution: &Execution,
    unusable: Telemetry,
    heard_a_period: bool,
    now: Timestamp,
) -> Ruling {
    let since = execution.last_heard();
    let reason = match unusable {
        Telemetry::NotTheJobs(reason) => Some(reason),
        Telemetry::Sample(_) | Telemetry::Nothing => None,
    };
    let silent = heard_a_period && now >= since + state.registered.supervision.monitoring_period * SILENT_PERIODS;
    let lost = (silent || reason.is_some()) && !state.flags.contains(&Flag::TelemetryLost);
    Ruling::done(lost.then(|| TelemetryLost { since, reason }.into()))
}

/// What became of a resize that the agent was to make.
fn outcome_in_place(
    state: &JobState,
    to: Cpus,
    limit: Option<Cpus>,
    asked_at: Option<Timestamp>,
    now: Timestamp,
) -> Option<JobEvent> {
    if !state.resizes_in_place() {
        return None;
    }
    if limit == Some(to) {
        return Some(RescaleApplied { cpus: to }.into());
    }
    let period = state.registered.supervision.monitoring_period;
    let overdue = asked_at.is_some_and(|asked_at| now >= asked_at + period * SILENT_PERIODS);
    let reason = match limit {
        Some(limit) => format!("the agent reports, but its limit is still {limit} CPU"),
        None => "the agent reports, but not which limit is in force".into(),
    };
    overdue.then(|| RescaleFailed { cpus: to, reason, no_room: false }.into())
}

/// The agent says which limit is in force, between two looks.
pub fn limit_in_force(state: &JobState, segment: Option<u64>, cpus: Cpus) -> Ruling {
    let newest = state.execution.as_ref().and_then(|execution| execution.segment.as_ref());
    let says = |newest: &Segment| newest.running && segment.is_none_or(|segment| segment == newest.number);
    // An older segment's container has another limit than the one that runs now.
    if !newest.is_none_or(says) {
        return Ruling::nothing();
    }
    let done = state.ending().is_none() && state.resizes_in_place() && state.resizing_to == Some(cpus);
    Ruling::done(done.then(|| RescaleApplied { cpus }.into()))
}
