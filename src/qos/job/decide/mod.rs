//! From a command to the events that follow from it. Reads the state, changes nothing.

mod ending;
mod framework;
mod grant;
mod look;
mod marathon;
mod reports;
mod segment;
mod telemetry;

#[cfg(test)]
pub use reports::MOST_SURPLUS_RUNS;

use super::acting::Acting;
use super::command::{Command, Rejection, Reply, Ruling};
use super::patience::{allowed, awaited_deadline, report_due};
use super::prediction::decide_cpus;
use super::state::{JobState, Recorded, Work};
use crate::api::register::AdmissionView;
use crate::events::job::{
    DeadlinePassed, JobEvent, Overdue, PolicyChanged, Registered, RescaleApplied, RescaleFailed, RescaleUnanswered,
};
use crate::qos::ids::Framework;
use crate::qos::policy::PolicySettings;
use crate::qos::units::Timestamp;

/// What follows from `command`, which came at `now`.
///
/// # Errors
/// When the command does not fit the job's state; then nothing is recorded.
pub fn decide(state: Option<&JobState>, command: Command, now: Timestamp) -> Result<Ruling, Rejection> {
    let Some(state) = state else {
        return match command {
            Command::Register(registered) => register(*registered, now),
            _ => Err(Rejection::Unknown),
        };
    };
    let ruling = rule(state, command, now)?;
    grant::before_the_next_start(state, ruling, now)
}

fn rule(state: &JobState, command: Command, now: Timestamp) -> Result<Ruling, Rejection> {
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
            Some(intended) if intended != cpus => Err(Rejection::Stale("another CPU is intended by now")),
            Some(_) => Ok(Ruling::done([RescaleFailed { cpus, reason, no_room }.into()])),
            None => Err(Rejection::Stale("no resize is pending")),
        },
        Command::CpusTakenBack { cpus, reason } => framework::cpus_taken_back(state, cpus, reason),
        Command::CpusUnanswered { cpus, reason } => framework::cpus_unanswered(state, cpus, reason),
        Command::JobRemoved(how) => ending::removed(state, how),
        Command::ReportAwaited { due } => Ok(report_awaited(state, due, now)),
        Command::DeadlineReached => Ok(deadline_reached(state, now)),
        Command::SetPolicy(policy) => Ok(set_policy(state, policy)),
        Command::Grant(grant) => grant::grant(state, grant, now),
    }
}

fn register(registered: Registered, now: Timestamp) -> Result<Ruling, Rejection> {
    let reply = Reply::Registered { admission: AdmissionView::from(&registered.admission) };
    let mut events = vec![JobEvent::Registered(registered.clone())];
    // A long-running job has begun before anybody could give it another CPU.
    if registered.framework == Framework::Chronos && registered.policy.rule()?.decides_at_registration() {
        let first = Recorded { version: 1, at: now, event: registered.clone().into() };
        let state = JobState::new(registered, &first);
        if let Some(decided) = decide_cpus(&state, state.registered.t0)? {
            let rescaled =
                Acting::of(&decided.policy).and_then(|act| act.rescale(decided.from, decided.to, state.version + 1));
            events.push(decided.into());
            events.extend(rescaled);
        }
    }
    Ok(Ruling { events, reply })
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
    let advice_only = policy.dry_run;
    let mut events: Vec<JobEvent> = vec![PolicyChanged { policy }.into()];
    if let Some(cpus) = state.resizing_to.filter(|_| advice_only) {
        // It may have been asked for already, by a supervisor that ended before the answer.
        if !state.resizes_in_place() && !state.unanswered {
            let reason = "it may have been under way when dry_run was switched on".to_owned();
            events.push(RescaleUnanswered { cpus, reason }.into());
        }
        let reason = "dry_run was switched on before it was made".to_owned();
        events.push(RescaleFailed { cpus, reason, no_room: false }.into());
    }
    Ruling::done(events)
}
