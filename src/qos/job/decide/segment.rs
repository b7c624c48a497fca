//! The start and the end of a segment: from one start of the agent's container to the checkpoint or the end.

use crate::events::job::{JobEvent, RescaleApplied, SegmentEnded, SegmentStarted};
use crate::qos::ids::Framework;
use crate::qos::job::clocks::here;
use crate::qos::job::command::{Rejection, Reply, Ruling, SegmentEndFacts, SegmentStartFacts};
use crate::qos::job::execution::{Execution, Segment};
use crate::qos::job::state::JobState;
use crate::qos::units::{Span, Timestamp};

/// CPU times are told in parts, and each part is rounded: less than this is no lost work.
const ROUNDING: Span = Span::from_micros(1000);

pub fn start(state: &JobState, facts: SegmentStartFacts, now: Timestamp) -> Result<Ruling, Rejection> {
    if let Some(answer) = super::marathon::not_now(state)? {
        return Ok(answer);
    }
    let newest = state.execution.as_ref().and_then(|execution| execution.segment.as_ref());
    let is_over = state.execution.as_ref().is_some_and(|execution| execution.is_over(facts.execution.as_ref()));
    // Within an execution numbers only rise: the same one is a repetition, a lower one is late news about what is over.
    let is_known =
        newest.is_some_and(|newest| newest.is_of(facts.execution.as_ref()) && newest.number >= facts.segment);
    if is_over || is_known {
        return Ok(Ruling { events: vec![], reply: Reply::duplicate() });
    }
    let by_its_agent = |execution: &Execution| execution.cpu_by_its_agent(facts.last_told);
    let known = state.execution.as_ref().map_or(Span::ZERO, by_its_agent);
    let base = facts.base.max(Span::ZERO);
    let mut events: Vec<JobEvent> = vec![
        SegmentStarted {
            segment: facts.segment,
            execution: facts.execution,
            started_at: here(facts.at, facts.sent_at, now).max(state.registered_at.min(now)),
            received_at: now,
            hostname: facts.hostname,
            base,
            discarded: Some(known - base).filter(|lost| *lost > ROUNDING).unwrap_or(Span::ZERO),
            generation: facts.generation,
            runtime: facts.runtime,
            limit: facts.limit,
            checkpoints: facts.checkpoints,
            container: facts.container,
            task: facts.task,
        }
        .into(),
    ];
    if let Some(cpus) = facts.limit.filter(|_| state.resizes_in_place() && state.resizing_to == facts.limit) {
        events.push(RescaleApplied { cpus }.into());
    }
    Ok(Ruling::done(events))
}

pub fn end(state: &JobState, facts: SegmentEndFacts, now: Timestamp) -> Result<Ruling, Rejection> {
    let newest = state.execution.as_ref().and_then(|execution| execution.segment.as_ref());
    let is_the_running =
        |newest: &Segment| newest.running && newest.number == facts.segment && newest.is_of(facts.execution.as_ref());
    let over = super::marathon::not_now(state)?;
    // The report of its last iteration ends a chained job. What that has used is told by its agent, a moment later.
    let is_told = over.is_none() || state.registered.framework == Framework::Chronos;
    if !is_told || !newest.is_some_and(is_the_running) {
        return Ok(over.unwrap_or(Ruling { events: vec![], reply: Reply::duplicate() }));
    }
    let ended = SegmentEnded {
        segment: facts.segment,
        ended_at: here(facts.at, facts.sent_at, now),
        received_at: now,
        cpu: facts.cpu.max(Span::ZERO),
        reason: facts.reason,
        generation: facts.generation,
        dump: facts.dump,
    };
    Ok(Ruling::done([ended.into()]))
}
