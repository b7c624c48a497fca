//! What a Chronos job's container reports.

use crate::events::job::{
    ChainNext, Completed, Failed, IterationFinished, IterationStarted, JobEvent, Origin, Outcome, RunKey,
};
use crate::qos::ids::Framework;
use crate::qos::job::acting::Acting;
use crate::qos::job::chain;
use crate::qos::job::command::{FinishFacts, Rejection, Reply, Ruling, StartFacts};
use crate::qos::job::prediction::decide_cpus_with;
use crate::qos::job::state::{JobState, Recorded, Work};
use crate::qos::units::{Cpus, Span, Timestamp};

/// Runs of one job that are recorded although nobody had asked for them. Whoever can report for the job can invent run ids.
pub const MOST_SURPLUS_RUNS: u32 = 100;

/// An iteration began.
pub fn start(state: &JobState, facts: StartFacts, now: Timestamp) -> Result<Ruling, Rejection> {
    chronos_only(state)?;
    if state.ending().is_some() {
        return Ok(Ruling { events: vec![], reply: Reply::ignored(state.state_name()) });
    }
    let attempt = match &state.work {
        // The task of the iteration before was told to run this one.
        Work::Running(run) if run.key == facts.key && !run.announced => &run.attempt,
        _ if state.runs.contains_key(&facts.key) => {
            return Ok(Ruling { events: vec![], reply: Reply::duplicate() });
        }
        Work::Attempted(attempt) if may_be_first(&facts.key) => attempt,
        // A run that nobody asked for; its end is recorded as surplus.
        Work::None | Work::Attempted(_) | Work::Running(_) => {
            return Ok(Ruling { events: vec![], reply: Reply::exit() });
        }
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
    let (free, ending) = (facts.free, facts.ending);
    let finished = corrected(state, facts, now, iteration, outcome);
    let mut events: Vec<JobEvent> = vec![finished.clone().into()];
    let next = match outcome {
        Outcome::Surplus => ChainNext::Exit,
        Outcome::Failed => {
            events.extend(after_failure(state, &finished));
            ChainNext::Exit
        }
        Outcome::Counted => after_success(state, &finished, Task { free, ending }, now, &mut events)?,
    };
    let reply = match next {
        ChainNext::Continue => Reply::go_on(),
        ChainNext::Exit => Reply::exit(),
    };
    Ok(Ruling { events, reply })
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
        (Work::Attempted(attempt), _) if may_be_first(&facts.key) => (attempt.iteration, true),
        // The schedule of an adopted job ticks beside us: its runs are what the user asked for.
        (_, Origin::Adopted) => (state.next_iteration(), true),
        (Work::None | Work::Attempted(_) | Work::Running(_), Origin::Native) => (state.next_iteration(), false),
    }
}

/// A task that was just started is at the beginning of its chain. A later link belongs to a task that the framework has lost sight of.
fn may_be_first(key: &RunKey) -> bool {
    !matches!(key, RunKey::Run { index: 1.., .. })
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

/// What is known of the task that has reported.
struct Task {
    /// CPU of its node that nobody has reserved.
    free: Option<Cpus>,
    /// It ends, whatever it is answered.
    ending: bool,
}

/// What the task does next is a part of what is recorded.
fn after_success(
    state: &JobState,
    finished: &IterationFinished,
    task: Task,
    now: Timestamp,
    events: &mut Vec<JobEvent>,
) -> Result<ChainNext, Rejection> {
    let remaining = state.remaining().saturating_sub(1);
    if remaining == 0 {
        let margin = state.registered.deadline_at.since(finished.finished_at);
        let on_time = margin >= Span::ZERO;
        events.push(Completed { finished_at: finished.finished_at, on_time, margin }.into());
        return Ok(ChainNext::Exit);
    }
    // The finished iteration is the next event of the stream, its decision the one after.
    let mut after = state.clone();
    after.apply(&Recorded { version: state.version + 1, at: now, event: finished.clone().into() });
    let decided = decide_cpus_with(&after, finished.finished_at, task.free)?;
    let answer = chain::answer(&after, &finished.key, decided.as_ref(), task.ending);
    let next = answer.as_ref().map_or(ChainNext::Exit, |answer| answer.next);
    if let Some(decided) = decided {
        // A new task has what is reserved, and not what an agent has made of it.
        let reserved = after.cpus.filter(|_| next == ChainNext::Exit);
        let present = after.resizing_to.or(reserved).unwrap_or(decided.from);
        let rescaled = Acting::of(&decided.policy).and_then(|act| act.rescale(present, decided.to, after.version + 1));
        events.push(decided.into());
        events.extend(rescaled);
    }
    events.extend(answer.map(JobEvent::from));
    Ok(next)
}
