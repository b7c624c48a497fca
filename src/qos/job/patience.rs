//! When the next report should have come.

use super::state::{JobState, Work};
use crate::qos::units::{Cpus, Span, Timestamp};

/// How long one run is expected to take, from its start being asked for to its report.
///
/// The longer of the declared and the last measured duration, each scaled up when the job has less CPU now than it had then, and
/// the deployment.
pub fn expected_run(state: &JobState) -> Span {
    let declared = scaled(state.registered.declared.duration, state.registered.cpus, state.cpus);
    let measured = state.last.map_or(Span::ZERO, |last| {
        // By the container's clock, which may have been set during the run: never longer than the job was known for.
        let known_for = last.finished_at.since(state.registered_at).max(Span::ZERO);
        scaled(last.duration.min(known_for), last.cpus, state.cpus)
    });
    declared.max(measured) + state.policy.deployment_time
}

/// Iterations never get longer by more CPU, and at worst inversely to it.
fn scaled(duration: Span, had: Option<Cpus>, has: Option<Cpus>) -> Span {
    match (had, has) {
        (Some(had), Some(has)) if has < had && has.milli() > 0 => {
            let scaled = i128::from(duration.micros()) * i128::from(had.milli()) / i128::from(has.milli());
            Span::from_micros(i64::try_from(scaled).unwrap_or(i64::MAX))
        }
        _ => duration,
    }
}

/// How long a report may take before it is overdue.
pub fn allowed(state: &JobState) -> Span {
    let factor = i128::from(state.registered.supervision.overdue_factor_milli.max(1000));
    let allowed = i128::from(expected_run(state).micros()) * factor / 1000;
    Span::from_micros(i64::try_from(allowed).unwrap_or(i64::MAX))
}

/// When the present run's report becomes overdue, or overdue once more; `None` when none is expected or it is being looked into.
pub fn report_due(state: &JobState) -> Option<Timestamp> {
    if state.ending().is_some() {
        return None;
    }
    if let Some(execution) = &state.execution {
        // A long-running job is looked at once a period; a look without a fresh sample changes nothing, and the next follows soon.
        return Some(execution.looked_at + state.registered.supervision.monitoring_period);
    }
    let (since, attempt) = match &state.work {
        Work::None => return None,
        Work::Attempted(attempt) => (attempt.at, attempt),
        Work::Running(run) if run.looking_up => return None,
        Work::Running(run) => (run.since, &run.attempt),
    };
    Some(since + allowed(state) * i64::from(attempt.overdue.saturating_add(1)))
}
