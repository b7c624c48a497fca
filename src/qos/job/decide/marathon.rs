//! The start and the end of a Marathon job's execution.

use crate::events::job::{Completed, Failed, JobEvent, MarathonEnded, MarathonStarted};
use crate::qos::ids::Framework;
use crate::qos::job::clocks::here;
use crate::qos::job::command::{ExecutionFacts, Rejection, Reply, Ruling};
use crate::qos::job::state::JobState;
use crate::qos::units::{Span, Timestamp};

pub fn start(state: &JobState, facts: ExecutionFacts, now: Timestamp) -> Result<Ruling, Rejection> {
    if let Some(answer) = not_now(state)? {
        return Ok(answer);
    }
    if state.registered.framework == Framework::Chronos {
        // The iterations report for themselves; of the agent only its segments count.
        return Ok(Ruling { events: vec![], reply: Reply::exit() });
    }
    // A clock that was never set tells of 1970; no job begins before its registration.
    let started_at = here(facts.started_at, facts.sent_at, now).max(state.registered_at.min(now));
    let announced = state.execution.as_ref().and_then(|execution| execution.announced.as_ref());
    let known = announced.is_some_and(|(execution, at)| match (execution, &facts.execution) {
        (Some(known), Some(told)) => known == told,
        // The published agent gives no name: the same instant is the same execution.
        (None, None) => *at == started_at,
        _ => false,
    });
    let is_over = state.execution.as_ref().is_some_and(|execution| execution.is_over(facts.execution.as_ref()));
    if known || is_over {
        return Ok(Ruling { events: vec![], reply: Reply::duplicate() });
    }
    let started =
        MarathonStarted { started_at, received_at: now, execution: facts.execution, hostname: facts.hostname };
    Ok(Ruling { events: vec![started.into()], reply: Reply::exit() })
}

pub fn end(
    state: &JobState,
    finished_at: Timestamp,
    sent_at: Option<Timestamp>,
    exit_code: i32,
    now: Timestamp,
) -> Result<Ruling, Rejection> {
    if let Some(answer) = not_now(state)? {
        return Ok(answer);
    }
    if state.registered.framework == Framework::Chronos {
        return Ok(Ruling { events: vec![], reply: Reply::exit() });
    }
    let Some(execution) = &state.execution else {
        return Err(Rejection::TooLate("the job has not reported a start (POST /initMarathonApp)".into()));
    };
    let finished_at = here(finished_at, sent_at, now).clamp(execution.started_at.min(now), now);
    let ending: JobEvent = if exit_code == 0 {
        // The deadline of a Marathon job is the longest wall time of one execution.
        let margin = (execution.started_at + state.registered.declared.deadline).since(finished_at);
        Completed { finished_at, on_time: margin >= Span::ZERO, margin }.into()
    } else {
        Failed { reason: format!("the execution ended with exit code {exit_code}") }.into()
    };
    let events = vec![MarathonEnded { finished_at, received_at: now, exit_code }.into(), ending];
    Ok(Ruling { events, reply: Reply::exit() })
}

/// The answer to an agent of a job that is over. Jobs that no agent runs have none.
pub fn not_now(state: &JobState) -> Result<Option<Ruling>, Rejection> {
    match state.registered.framework {
        Framework::Marathon => {}
        // Its task runs under an agent.
        Framework::Chronos if state.registered.chain => {}
        actual => {
            let (actual, expected) = (actual.as_str(), Framework::Marathon.as_str());
            return Err(Rejection::WrongFramework { actual, expected });
        }
    }
    Ok(state.ending().map(|_| Ruling { events: vec![], reply: Reply::ignored(state.state_name()) }))
}
