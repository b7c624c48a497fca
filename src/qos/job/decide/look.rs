//! A look at a long-running job, once a monitoring period: what it has used, how it does, what it should have.

use crate::events::job::{CpuSample, JobEvent, RescaleApplied, RescaleFailed, Rescaled, TelemetryLost};
use crate::qos::job::command::{LookFacts, Rejection, Ruling, SampleFacts};
use crate::qos::job::execution::Execution;
use crate::qos::job::progress::decide_progress;
use crate::qos::job::state::{Flag, JobState};
use crate::qos::units::{Cpus, Timestamp};

/// After this many periods without a sample its absence is recorded, and an agent has not done what it was told.
const SILENT_PERIODS: i64 = 3;

pub fn look(state: &JobState, facts: LookFacts, now: Timestamp) -> Result<Ruling, Rejection> {
    let period = state.registered.supervision.monitoring_period;
    let Some(execution) = state.execution.as_ref().filter(|_| state.ending().is_none()) else {
        return Ok(Ruling::nothing());
    };
    let due = execution.looked_at + period;
    if now < due && facts.due != Some(due) {
        return Ok(Ruling::nothing());
    }
    let Some(sample) = facts.sample.and_then(|sample| fresh(execution, sample)) else {
        let since = execution.last_heard();
        let lost = now >= since + period * SILENT_PERIODS && !state.flags.contains(&Flag::TelemetryLost);
        return Ok(Ruling::done(lost.then(|| TelemetryLost { since }.into())));
    };
    let mut events: Vec<JobEvent> = vec![sample.clone().into()];
    let asked_at = execution.resize_asked_at;
    if let Some(to) = state.resizing_to {
        events.extend(outcome_in_place(state, to, sample.limit, asked_at, now));
        return Ok(Ruling::done(events));
    }
    if let Some(decided) = decide_progress(state, execution, &sample, facts.free)? {
        let (from, to) = (decided.from, decided.to);
        events.push(decided.into());
        if from != to {
            // The sample is the next event of the stream, its decision the one after.
            events.push(Rescaled { from, to, decision: Some(state.version + 2) }.into());
        }
    }
    Ok(Ruling::done(events))
}

/// The sample as it is recorded; `None` when it says nothing new about the running segment.
fn fresh(execution: &Execution, sample: SampleFacts) -> Option<CpuSample> {
    let SampleFacts { segment, at, cpu, limit } = sample;
    let Some(newest) = &execution.segment else {
        // The published agent knows no segments.
        return Some(CpuSample { segment: segment.unwrap_or(0), at, cpu, limit });
    };
    let of_this = newest.running && segment.is_none_or(|segment| segment == newest.number);
    let new = at > newest.sampled_at && cpu >= newest.cpu;
    (of_this && new).then_some(CpuSample { segment: newest.number, at, cpu, limit })
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
    overdue.then(|| RescaleFailed { cpus: to, reason }.into())
}

/// The agent says which limit is in force, between two looks.
pub fn limit_in_force(state: &JobState, cpus: Cpus) -> Ruling {
    let done = state.ending().is_none() && state.resizes_in_place() && state.resizing_to == Some(cpus);
    Ruling::done(done.then(|| RescaleApplied { cpus }.into()))
}
