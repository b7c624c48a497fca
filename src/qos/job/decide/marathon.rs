//! A Marathon job's start and end. This version records them, and does not watch the progress between them.

use crate::events::job::{Completed, Failed, JobEvent, MarathonEnded, MarathonStarted, Removal, Removed};
use crate::qos::ids::Framework;
use crate::qos::job::command::{Rejection, Reply, Ruling};
use crate::qos::job::state::JobState;
use crate::qos::units::{Span, Timestamp};

pub fn start(state: &JobState, started_at: Timestamp, now: Timestamp) -> Result<Ruling, Rejection> {
    marathon_only(state)?;
    if state.ending().is_some() {
        return Ok(Ruling { events: vec![], reply: Reply::ignored(state.state_name()) });
    }
    let started_at = started_at.min(now);
    if state.execution.is_some_and(|execution| execution.started_at == started_at) {
        return Ok(Ruling { events: vec![], reply: Reply::duplicate() });
    }
    let events = vec![MarathonStarted { started_at, received_at: now }.into()];
    Ok(Ruling { events, reply: Reply::exit() })
}

pub fn end(state: &JobState, finished_at: Timestamp, exit_code: i32, now: Timestamp) -> Result<Ruling, Rejection> {
    marathon_only(state)?;
    if state.ending().is_some() {
        return Ok(Ruling { events: vec![], reply: Reply::ignored(state.state_name()) });
    }
    let Some(execution) = state.execution else {
        return Err(Rejection::TooLate("the job has not reported a start (POST /initMarathonApp)".into()));
    };
    let finished_at = finished_at.clamp(execution.started_at.min(now), now);
    let ending: JobEvent = if exit_code == 0 {
        // The deadline of a Marathon job is the longest wall time of one execution.
        let margin = (execution.started_at + state.registered.declared.deadline).since(finished_at);
        Completed { finished_at, on_time: margin >= Span::ZERO, margin }.into()
    } else {
        Failed { reason: format!("the execution ended with exit code {exit_code}") }.into()
    };
    let events = vec![
        MarathonEnded { finished_at, received_at: now, exit_code }.into(),
        ending,
        Removed { how: Removal::NotTouched }.into(),
    ];
    Ok(Ruling { events, reply: Reply::exit() })
}

fn marathon_only(state: &JobState) -> Result<(), Rejection> {
    match state.registered.framework {
        Framework::Marathon => Ok(()),
        actual => Err(Rejection::WrongFramework { actual: actual.as_str(), expected: Framework::Marathon.as_str() }),
    }
}
