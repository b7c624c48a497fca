//! A job's state as operators see it.

use crate::api::register::AdmissionView;
use crate::api::view::{JobState as StateName, JobView, OverdueView, QosView};
use crate::qos::chronos::bounds;
use crate::qos::ids::Framework;
use crate::qos::job::{Ending, Flag, JobState, Phase, report_due};
use crate::qos::units::{Cpus, Span, Timestamp};

/// The document of `GET /api/v1/jobs/{uuid}`.
pub fn job_view(state: &JobState) -> JobView {
    let registered = &state.registered;
    let chronos = registered.framework == Framework::Chronos;
    // A policy may have a target of its own; until it has decided, the published bounds are shown.
    let published = || bounds(registered.t0, &registered.declared);
    let bounds = chronos.then(|| state.decision.map_or_else(published, |decision| decision.bounds));
    let execution = state.execution.as_ref().filter(|_| state.is_long_running());
    let progress = execution.and_then(|execution| execution.progress);
    let (on_time, finished, margin, reason) = ending(state);
    JobView {
        uuid: registered.job,
        name: registered.name.clone(),
        framework: registered.framework,
        state: state_name(state),
        performance: state
            .decision
            .map(|decision| decision.performance)
            .or(progress.map(|progress| progress.performance)),
        qos: QosView {
            duration: registered.declared.duration.seconds(),
            deadline: registered.declared.deadline.seconds(),
            desv_deadline: registered.declared.deviation(),
        },
        registered_at: state.registered_at.into(),
        deadline_at: state.deadline_at().into(),
        iterations: chronos.then_some(registered.iterations),
        remaining: chronos.then(|| state.remaining()),
        cpus: state.cpus.map(|cpus| cpus.as_f64()),
        cpus_submitted: registered.cpus.map(|cpus| cpus.as_f64()),
        prediction: state.decision.map(|decision| decision.prediction.into()),
        upper: bounds.map(|bounds| bounds.upper.into()),
        lower: bounds.map(|bounds| bounds.lower.into()),
        progress_ratio: progress.map(|progress| progress.ratio_millionths as f64 / 1e6),
        cpu_limit: state.limit.map(Cpus::as_f64),
        cpu_seconds: execution.map(|execution| execution.cpu_current().seconds()),
        cpu_seconds_due: progress.map(|progress| progress.cpu_desired.seconds()),
        cpu_seconds_wasted: execution.map(|execution| execution.wasted.seconds()),
        admission: Some(AdmissionView::from(&registered.admission)),
        on_time,
        finished_at: finished.map(Into::into),
        last_finished_at: state.last.map(|last| last.finished_at.into()),
        last_duration_seconds: state.last.map(|last| last.duration.seconds()),
        margin_seconds: margin.map(Span::seconds),
        expected_margin_seconds: expected_margin(state).map(Span::seconds),
        failures_in_row: state.failures_in_row,
        overdue: overdue(state),
        surplus_runs: Some(state.surplus_runs).filter(|runs| *runs > 0),
        reason,
        flags: state.flags.iter().copied().map(Flag::as_str).map(str::to_owned).collect(),
        chain: registered.chain,
        in_place: state.resizes_in_place(),
        policy: state.policy.policy.name().to_owned(),
        dry_run: state.policy.dry_run,
        recommended_cpus: state.recommended().map(Cpus::as_f64),
        rescales: state.rescales,
        version: state.version,
    }
}

/// When a completed job's last iteration ended.
pub fn finished_at(state: &JobState) -> Option<Timestamp> {
    match state.ending() {
        Some(Ending::Completed { finished_at, .. }) => Some(*finished_at),
        _ => None,
    }
}

/// How long before its deadline a job has ended, or is expected to; negative means late. None while nobody knows, or when it never ended by
/// itself.
pub fn margin(state: &JobState) -> Option<Span> {
    match state.ending() {
        Some(Ending::Completed { margin, .. }) => Some(*margin),
        Some(_) => None,
        None => expected_margin(state),
    }
}

/// Of a living job: by its latest prediction. A long-running job is not predicted: what is left of its declaration is reckoned at the CPU that
/// it has.
fn expected_margin(state: &JobState) -> Option<Span> {
    if state.ending().is_some() {
        return None;
    }
    if let Some(decision) = &state.decision {
        return Some(state.deadline_at().since(decision.prediction));
    }
    let execution = state.execution.as_ref().filter(|_| state.is_long_running())?;
    execution.progress?;
    let cpus = state.cpus_in_force()?.as_f64();
    let left = (state.registered.declared.duration - execution.cpu_current()).seconds().max(0.0);
    let takes = Span::try_from_seconds(left / cpus).ok()?;
    Some(state.deadline_at().since(execution.looked_at + takes))
}

fn overdue(state: &JobState) -> Option<OverdueView> {
    let times = state.attempt().map(|attempt| attempt.overdue).filter(|times| *times > 0)?;
    Some(OverdueView { times, next_at: report_due(state).map(Into::into) })
}

fn state_name(state: &JobState) -> StateName {
    match &state.phase {
        Phase::Registered => StateName::Registered,
        Phase::Running => StateName::Running,
        Phase::Ended(Ending::Completed { .. }) => StateName::Completed,
        Phase::Ended(Ending::Failed { .. }) => StateName::Failed,
        Phase::Ended(Ending::Cancelled { .. }) => StateName::Cancelled,
        Phase::Ended(Ending::Withdrawn { .. }) => StateName::Withdrawn,
    }
}

type EndingView = (Option<bool>, Option<Timestamp>, Option<Span>, Option<String>);

fn ending(state: &JobState) -> EndingView {
    match state.ending() {
        None => (None, None, None, None),
        Some(Ending::Completed { finished_at, on_time, margin }) => {
            (Some(*on_time), Some(*finished_at), Some(*margin), None)
        }
        Some(Ending::Failed { reason } | Ending::Cancelled { reason } | Ending::Withdrawn { reason }) => {
            (None, None, None, Some(reason.clone()))
        }
    }
}
