//! How long to wait: for the next report, and before the next start.

use super::state::{Flag, JobState, Phase, Work};
use crate::qos::units::{Cpus, Span, Timestamp};

/// How long one run is expected to take, from its start being asked for to its report.
///
/// The longer of the declared and the last measured duration, each scaled up when the job has less CPU now than it had then, and
/// the deployment.
pub fn expected_run(state: &JobState) -> Span {
    let declared = scaled(state.registered.declared.duration, state.registered.cpus, state.cpus_in_force());
    let measured = state.last.map_or(Span::ZERO, |last| {
        // By the container's clock, which may have been set during the run: never longer than the job was known for.
        let known_for = last.finished_at.since(state.registered_at).max(Span::ZERO);
        scaled(last.duration.min(known_for), last.cpus, state.cpus_in_force())
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
    if let Work::Running(run) = &state.work
        && !run.announced
        && run.attempt.overdue == 0
    {
        // A task that was told to go on does so at once, or has heard nothing of it.
        return state.registered.supervision.chain_start;
    }
    let factor = i128::from(state.registered.supervision.overdue_factor_milli.max(1000));
    let allowed = i128::from(expected_run(state).micros()) * factor / 1000;
    Span::from_micros(i64::try_from(allowed).unwrap_or(i64::MAX))
}

/// An unconfirmed start is found overdue ever more rarely, down to once in this time: while the framework is away, nothing new is
/// to be learned.
const LONGEST_PAUSE_UNCONFIRMED: Span = Span::from_secs(3600);

/// The same for a run that has reported its start. Each time it is looked up, and one that was killed is found out.
const LONGEST_PAUSE_RUNNING: Span = Span::from_secs(600);

/// A report that is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AwaitedReport {
    /// When it is overdue, or overdue once more, by the wall clock.
    pub due: Timestamp,
    /// How long that is after the start, or after it was found overdue last.
    pub wait: Span,
}

/// What is waited for next: the report that the present run owes, or the next look; `None` when no report is expected or it is being looked
/// into.
///
/// It is overdue after the time allowed, then after as long again, then after double that, and so on up to a limit.
pub fn awaited_report(state: &JobState) -> Option<AwaitedReport> {
    let (report, look) = (run_report(state), look(state));
    match (report, look) {
        (Some(report), Some(look)) => Some(if look.due < report.due { look } else { report }),
        (report, look) => report.or(look),
    }
}

/// The next look: at a long-running job, and at a chained one whose agent can resize it. A look without a fresh sample changes nothing, and
/// the next follows soon.
fn look(state: &JobState) -> Option<AwaitedReport> {
    let looked_at = state.ending().is_none() && (state.is_long_running() || state.resizes_in_place());
    let execution = state.execution.as_ref().filter(|_| looked_at)?;
    let period = state.registered.supervision.monitoring_period;
    Some(AwaitedReport { due: execution.looked_at + period, wait: period })
}

/// Whether the alarm that has rung is for a look, and not for a report that is missing.
pub fn is_time_to_look(state: &JobState, now: Timestamp) -> bool {
    let overdue = run_report(state).is_some_and(|report| report.due <= now);
    state.is_long_running() || !overdue && look(state).is_some_and(|look| look.due <= now)
}

fn run_report(state: &JobState) -> Option<AwaitedReport> {
    if state.ending().is_some() || state.is_long_running() {
        return None;
    }
    let (since, attempt, longest) = match &state.work {
        Work::None => return None,
        Work::Attempted(attempt) => (attempt.at, attempt, LONGEST_PAUSE_UNCONFIRMED),
        Work::Running(run) if run.looking_up => return None,
        Work::Running(run) => (run.since, &run.attempt, LONGEST_PAUSE_RUNNING),
    };
    let allowed = allowed(state);
    let wait = match attempt.overdue.checked_sub(1) {
        None => allowed,
        Some(doublings) => {
            let doubled = allowed * 1i64.checked_shl(doublings).filter(|times| *times > 0).unwrap_or(i64::MAX);
            doubled.min(longest.max(allowed))
        }
    };
    Some(AwaitedReport { due: attempt.overdue_at.unwrap_or(since) + wait, wait })
}

/// When the present run's report becomes overdue, or overdue once more; `None` when none is expected or it is being looked into.
pub fn report_due(state: &JobState) -> Option<Timestamp> {
    run_report(state).or_else(|| look(state).filter(|_| state.is_long_running())).map(|report| report.due)
}

/// The deadline that is still to come, or has passed and is not recorded yet; `None` when the job is over or its deadline behind it.
pub fn awaited_deadline(state: &JobState) -> Option<Timestamp> {
    let awaited = state.ending().is_none() && !state.flags.contains(&Flag::Late);
    awaited.then(|| state.deadline_at())
}

/// How long the start of an iteration may be put off, whatever the wall clock says; `None` when the wall clock alone decides.
///
/// The pause after a report is a length of time, and a clock that is set back does not make it longer. A date that the user gave for
/// the first start is one of the calendar.
pub fn longest_wait_for_start(state: &JobState) -> Option<Span> {
    let has_date = state.phase == Phase::Registered && state.registered.t0 > state.registered_at;
    (!has_date).then_some(state.policy.sleeping_time)
}
