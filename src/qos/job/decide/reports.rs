//! What a Chronos job's container reports.

use crate::events::job::{Completed, Failed, IterationFinished, IterationStarted, JobEvent, Origin, Outcome};
use crate::qos::ids::Framework;
use crate::qos::job::acting::Acting;
use crate::qos::job::command::{FinishFacts, Rejection, Reply, Ruling, StartFacts};
use crate::qos::job::prediction::decide_cpus;
use crate::qos::job::state::{JobState, Recorded, Work};
use crate::qos::units::{Span, Timestamp};

/// Runs of one job that are recorded although nobody had asked for them. Whoever can report for the job can invent run ids.
pub const MOST_SURPLUS_RUNS: u32 = 100;

/// An iteration began.
pub fn start(state: &JobState, facts: StartFacts, now: Timestamp) -> Result<Ruling, Rejection> {
    chronos_only(state)?;
    if state.ending().is_some() {
        return Ok(Ruling { events: vec![], reply: Reply::ignored(state.state_name()) });
    }
    if state.runs.contains_key(&facts.key) {
        return Ok(Ruling { events: vec![], reply: Reply::duplicate() });
    }
    let Work::Attempted(attempt) = &state.work else {
        // A run that nobody asked for; its end is recorded as surplus.
        return Ok(Ruling { events: vec![], reply: Reply::exit() });
    };
    let started = IterationStarted {
        iteration: attempt.iteration,
        key: facts.key,
        hostname: facts.hostname,
        started_at: facts.started_at.min(now),
        received_at: now,
    };
    Ok(Ruling { events: vec![started.into()], reply: Reply::exit() })
}

/// An iteration ended.
pub fn finish(state: &JobState, facts: FinishFacts, now: Timestamp) -> Result<Ruling, Rejection> {
    chronos_only(state)?;
    if state.runs.get(&facts.key).is_some_and(|run| run.finished) {
        return Ok(Ruling { events: vec![], reply: Reply::duplicate() });
    }
    if state.ending().is_some() {
        return Ok(Ruling { events: vec![], reply: Reply::ignored(state.state_name()) });
    }
    let (iteration, asked_for) = iteration_of(state, &facts);
    let outcome = match (asked_for && iteration == state.next_iteration(), facts.exit_code) {
        (false, _) => Outcome::Surplus,
        (true, 0) => Outcome::Counted,
        (true, _) => Outcome::Failed,
    };
    if outcome == Outcome::Surplus && state.surplus_runs >= MOST_SURPLUS_RUNS {
        return Err(Rejection::SurplusNotRecorded);
    }
    let finished = corrected(state, facts, now, iteration, outcome);
    let mut events: Vec<JobEvent> = Vec::with_capacity(3);
    match outcome {
        Outcome::Surplus => {}
        Outcome::Failed => events.extend(after_failure(state, &finished)),
        Outcome::Counted => after_success(state, &finished, now, &mut events)?,
    }
    events.insert(0, finished.into());
    Ok(Ruling { events, reply: Reply::exit() })
}

fn chronos_only(state: &JobState) -> Result<(), Rejection> {
    match state.registered.framework {
        Framework::Chronos => Ok(()),
        actual => Err(Rejection::WrongFramework { actual: actual.as_str(), expected: Framework::Chronos.as_str() }),
    }
}

/// Which iteration a run belongs to, and whether anybody asked for it.
fn iteration_of(state: &JobState, facts: &FinishFacts) -> (u32, bool) {
    if let Some(run) = state.runs.get(&facts.key) {
        return (run.iteration, true);
    }
    match (&state.work, state.registered.origin) {
        // The start report was lost; nothing else was asked for.
        (Work::Attempted(attempt), _) => (attempt.iteration, true),
        // The schedule of an adopted job ticks beside us: its runs are what the user asked for.
        (_, Origin::Adopted) => (state.next_iteration(), true),
        (Work::None | Work::Running(_), Origin::Native) => (state.next_iteration(), false),
    }
}

/// The report in the supervisor's clock.
///
/// `finish = received_at - max(0, sent_at - finished_at)`, never after `received_at` and never before the last thing that is known
/// to have happened before it.
fn corrected(
    state: &JobState,
    facts: FinishFacts,
    now: Timestamp,
    iteration: u32,
    outcome: Outcome,
) -> IterationFinished {
    let shifted = match facts.sent_at {
        Some(sent_at) => now - sent_at.since(facts.finished_at).max(Span::ZERO),
        None => facts.finished_at,
    };
    let earliest = known_before(state, &facts).min(now);
    let finished_at = shifted.clamp(earliest, now);
    let duration = facts.finished_at.since(facts.started_at);
    IterationFinished {
        iteration,
        key: facts.key,
        hostname: facts.hostname,
        started_at: finished_at - duration.max(Span::ZERO),
        finished_at,
        reported_finished_at: facts.finished_at,
        received_at: now,
        duration: duration.max(Span::ZERO),
        exit_code: facts.exit_code,
        outcome,
        clock_skew: finished_at != shifted
            || duration < Span::ZERO
            || facts.sent_at.is_some_and(|sent_at| sent_at < facts.finished_at),
    }
}

/// The latest instant that surely lies before the finish: the run's own start report, the last finish, the registration.
fn known_before(state: &JobState, facts: &FinishFacts) -> Timestamp {
    match &state.work {
        Work::Running(run) if run.key == facts.key => run.since,
        _ => state.last.map_or(state.registered_at, |last| last.finished_at),
    }
}

fn after_failure(state: &JobState, finished: &IterationFinished) -> Option<JobEvent> {
    let failures = state.failures_in_row.saturating_add(1);
    (failures >= state.registered.supervision.max_failures).then(|| {
        let reason = format!(
            "{failures} failed iterations in a row; the last, iteration {}, ended with exit code {}",
            finished.iteration, finished.exit_code
        );
        Failed { reason }.into()
    })
}

fn after_success(
    state: &JobState,
    finished: &IterationFinished,
    now: Timestamp,
    events: &mut Vec<JobEvent>,
) -> Result<(), Rejection> {
    let remaining = state.remaining().saturating_sub(1);
    if remaining == 0 {
        let margin = state.registered.deadline_at.since(finished.finished_at);
        let on_time = margin >= Span::ZERO;
        events.push(Completed { finished_at: finished.finished_at, on_time, margin }.into());
        return Ok(());
    }
    // The finished iteration is the next event of the stream, its decision the one after.
    let mut after = state.clone();
    after.apply(&Recorded { version: state.version + 1, at: now, event: finished.clone().into() });
    let Some(decided) = decide_cpus(&after, finished.finished_at)? else { return Ok(()) };
    let rescaled = Acting::of(&decided.policy)
        .and_then(|act| act.rescale(after.resizing_to.unwrap_or(decided.from), decided.to, after.version + 1));
    events.push(decided.into());
    events.extend(rescaled);
    Ok(())
}
