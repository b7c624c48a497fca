//! Facts that the framework's client brings.

use crate::events::job::{
    Activity, CpuObserved, Failed, IterationLost, JobEvent, LookedUp, LossReason, Origin, RescaleTakenBack,
    RescaleUnanswered, SeenInFramework, StartAttempted, StartDropped, Starter,
};
use crate::qos::ids::Framework;
use crate::qos::job::command::{FrameworkFacts, Rejection, Ruling};
use crate::qos::job::judge::Verdict;
use crate::qos::job::state::{JobState, Work};
use crate::qos::units::Cpus;

/// The framework shows the job for the first time.
pub fn seen(state: &JobState, facts: FrameworkFacts) -> Result<Ruling, Rejection> {
    if state.ending().is_some() {
        return Err(Rejection::Stale("the job has ended"));
    }
    if state.seen {
        return Err(Rejection::Stale("the job was seen already"));
    }
    let seen = SeenInFramework { cpus: facts.cpus, success_count: facts.success_count, error_count: facts.error_count };
    let mut events: Vec<JobEvent> = vec![seen.into()];
    // The 2017 launcher's submission has asked for run 1 already: it is judged like a start of ours.
    let chronos = state.registered.framework == Framework::Chronos;
    if chronos && state.registered.origin == Origin::Adopted && state.runs.is_empty() {
        events.push(
            StartAttempted {
                iteration: 1,
                attempt: 1,
                starter: Starter::Framework,
                success_count: 0,
                error_count: 0,
                activity: Activity::Queued,
            }
            .into(),
        );
    }
    Ok(Ruling::done(events))
}

/// Records that a start is about to be asked for.
pub fn attempt_start(state: &JobState, facts: FrameworkFacts) -> Result<Ruling, Rejection> {
    if state.ending().is_some() || state.remaining() == 0 {
        return Err(Rejection::Stale("no iteration is left to start"));
    }
    if state.work != Work::None {
        return Err(Rejection::Stale("a start is under way"));
    }
    if state.resizing_to.is_some() {
        return Err(Rejection::Stale("the next start is for another CPU, which comes first"));
    }
    let iteration = state.next_iteration();
    let attempt = match state.last_attempt {
        (last, number) if last == iteration => number.saturating_add(1),
        _ => 1,
    };
    let mut events = observe_cpus(state, facts.cpus).events;
    events.push(
        StartAttempted {
            iteration,
            attempt,
            starter: Starter::Supervisor,
            success_count: facts.success_count,
            error_count: facts.error_count,
            activity: facts.activity,
        }
        .into(),
    );
    Ok(Ruling::done(events))
}

/// A CPU that somebody else set is recorded before anything is decided with it.
pub fn observe_cpus(state: &JobState, cpus: Cpus) -> Ruling {
    if state.ending().is_some() || state.cpus == Some(cpus) || state.resizing_to == Some(cpus) {
        return Ruling::nothing();
    }
    Ruling::done([CpuObserved { cpus }.into()])
}

/// A request for another CPU that may still be carried out. One is enough to be on guard.
pub fn cpus_unanswered(state: &JobState, cpus: Cpus, reason: String) -> Result<Ruling, Rejection> {
    if state.ending().is_some() || state.resizing_to.is_none() {
        return Err(Rejection::Stale("no resize is pending"));
    }
    if state.unanswered {
        return Ok(Ruling::nothing());
    }
    Ok(Ruling::done([RescaleUnanswered { cpus, reason }.into()]))
}

/// Recorded before it is asked for, and once: after a restart it is known that it may have been done.
pub fn cpus_taken_back(state: &JobState, cpus: Cpus, reason: String) -> Result<Ruling, Rejection> {
    if state.ending().is_some() || state.resizing_to != Some(cpus) {
        return Err(Rejection::Stale("no such resize is pending"));
    }
    Ok(Ruling::done((!state.taking_back).then(|| RescaleTakenBack { cpus, reason }.into())))
}

/// What became of a start or of an overdue run.
pub fn judged(
    state: &JobState,
    iteration: u32,
    attempt: u32,
    verdict: Verdict,
    facts: FrameworkFacts,
) -> Result<Ruling, Rejection> {
    let current = state.attempt().is_some_and(|a| a.iteration == iteration && a.number == attempt);
    if !current || state.ending().is_some() {
        return Err(Rejection::Stale("the start was decided otherwise"));
    }
    let looking_up = matches!(&state.work, Work::Running(run) if run.looking_up);
    let verdict = match verdict {
        // The task has ended well by the framework's count, and had not begun what it was told: no run has failed, and none is lost.
        Verdict::Lost(LossReason::ReportLost | LossReason::Vanished) if matches!(&state.work, Work::Running(run) if !run.announced) => {
            Verdict::Lost(LossReason::ChainBroken)
        }
        verdict => verdict,
    };
    Ok(match verdict {
        Verdict::Active(activity) if looking_up => Ruling::done([LookedUp { iteration, activity }.into()]),
        Verdict::Unclear | Verdict::Active(_) => Ruling::nothing(),
        // Its start report came in the meantime.
        Verdict::Dropped { .. } if matches!(state.work, Work::Running(_)) => {
            return Err(Rejection::Stale("the run has reported its start"));
        }
        Verdict::Dropped { first_idle_at, last_idle_at } => {
            Ruling::done([StartDropped { iteration, attempt, first_idle_at, last_idle_at }.into()])
        }
        Verdict::Lost(reason) => lost(state, iteration, attempt, reason, facts),
    })
}

fn lost(state: &JobState, iteration: u32, attempt: u32, reason: LossReason, facts: FrameworkFacts) -> Ruling {
    let lost = IterationLost {
        iteration,
        attempt,
        reason,
        success_count: facts.success_count,
        error_count: facts.error_count,
    };
    let mut events: Vec<JobEvent> = vec![lost.into()];
    let failed = !matches!(reason, LossReason::Vanished | LossReason::ChainBroken);
    let failures = state.failures_in_row.saturating_add(u32::from(failed));
    if failures >= state.registered.supervision.max_failures && failed {
        let reason = format!("{failures} failed iterations in a row; the last: {}", reason.describe());
        events.push(Failed { reason }.into());
    }
    Ruling::done(events)
}
