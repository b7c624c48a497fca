//! From a command to the events that follow from it. Reads the state, changes nothing.

mod ending;
mod framework;
mod look;
mod marathon;
mod reports;
mod segment;
mod telemetry;

#[cfg(test)]
pub use reports::MOST_SURPLUS_RUNS;

use super::command::{Command, Rejection, Reply, Ruling};
use super::patience::{allowed, awaited_deadline, report_due};
use super::state::{JobState, Work};
use crate::api::register::AdmissionView;
use crate::events::job::{DeadlinePassed, JobEvent, Overdue, PolicyChanged, Registered, RescaleApplied, RescaleFailed};
use crate::qos::policy::PolicySettings;
use crate::qos::units::Timestamp;

/// What follows from `command`, which came at `now`.
///
/// # Errors
/// When the command does not fit the job's state; then nothing is recorded.
pub fn decide(state: Option<&JobState>, command: Command, now: Timestamp) -> Result<Ruling, Rejection> {
    let Some(state) = state else {
        return match command {
            Command::Register(registered) => Ok(register(*registered)),
            _ => Err(Rejection::Unknown),
        };
    };
    match command {
        Command::Register(_) => Err(Rejection::AlreadyRegistered),
        Command::Withdraw { reason, never_submitted } => ending::withdraw(state, reason, never_submitted),
        Command::Cancel { reason } => ending::cancel(state, reason),
        Command::ReportStart(facts) => reports::start(state, facts, now),
        Command::ReportFinish(facts) => reports::finish(state, facts, now),
        Command::MarathonStart(facts) => marathon::start(state, facts, now),
        Command::MarathonEnd { finished_at, sent_at, exit_code } => {
            marathon::end(state, finished_at, sent_at, exit_code, now)
        }
        Command::SegmentStart(facts) => segment::start(state, *facts, now),
        Command::SegmentEnd(facts) => segment::end(state, facts, now),
        Command::Look(facts) => look::look(state, facts, now),
        Command::LimitInForce { segment, cpus } => Ok(look::limit_in_force(state, segment, cpus)),
        Command::Seen(facts) => framework::seen(state, facts),
        Command::NeverSeen => ending::never_seen(state),
        Command::RemovedOutside => ending::removed_outside(state),
        Command::AttemptStart(facts) => framework::attempt_start(state, facts),
        Command::Judged { iteration, attempt, verdict, facts } => {
            framework::judged(state, iteration, attempt, verdict, facts)
        }
        Command::ObserveCpus(cpus) => Ok(framework::observe_cpus(state, cpus)),
        Command::CpusApplied(cpus) => match state.resizing_to {
            Some(_) => Ok(Ruling::done([RescaleApplied { cpus }.into()])),
            None => Err(Rejection::Stale("no resize is pending")),
        },
        Command::CpusRefused { cpus, reason, no_room } => match state.resizing_to {
            Some(_) => Ok(Ruling::done([RescaleFailed { cpus, reason, no_room }.into()])),
            None => Err(Rejection::Stale("no resize is pending")),
        },
        Command::CpusTakenBack { cpus, reason } => framework::cpus_taken_back(state, cpus, reason),
        Command::CpusUnanswered { cpus, reason } => framework::cpus_unanswered(state, cpus, reason),
        Command::JobRemoved(how) => ending::removed(state, how),
        Command::ReportAwaited { due } => Ok(report_awaited(state, due, now)),
        Command::DeadlineReached => Ok(deadline_reached(state, now)),
        Command::SetPolicy(policy) => Ok(set_policy(state, policy)),
    }
}

fn register(registered: Registered) -> Ruling {
    let admission = AdmissionView::from(&registered.admission);
    Ruling { events: vec![JobEvent::Registered(registered)], reply: Reply::Registered { admission } }
}

/// Overdue, although the wall clock may have been set back during the wait; not when another report is waited for by now.
fn report_awaited(state: &JobState, awaited: Timestamp, now: Timestamp) -> Ruling {
    if report_due(state).is_none_or(|due| due > now && due != awaited) {
        return Ruling::nothing();
    }
    let (iteration, since) = match &state.work {
        Work::None => return Ruling::nothing(),
        Work::Attempted(attempt) => (attempt.iteration, attempt.at),
        Work::Running(run) => (run.attempt.iteration, run.since),
    };
    Ruling::done([Overdue { iteration, since, allowed: allowed(state) }.into()])
}

/// Once for a deadline, whoever asks and how often.
fn deadline_reached(state: &JobState, now: Timestamp) -> Ruling {
    let passed = awaited_deadline(state).filter(|deadline_at| now > *deadline_at);
    Ruling::done(passed.map(|deadline_at| DeadlinePassed { deadline_at }.into()))
}

fn set_policy(state: &JobState, policy: PolicySettings) -> Ruling {
    if state.policy == policy || state.ending().is_some() {
        return Ruling::nothing();
    }
    Ruling::done([PolicyChanged { policy }.into()])
}
