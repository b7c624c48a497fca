//! Several iterations in one task: what a change of CPU costs there, and what the task is told after each iteration.

use super::acting::Acting;
use super::hold::Hold;
use super::state::{JobState, Work};
use crate::events::job::{ChainAnswered, ChainNext, Decided, RunKey};
use crate::qos::arbitration::Place;
use crate::qos::ids::Framework;
use crate::qos::model::middle;
use crate::qos::policy::{Decide, Repeated};
use crate::qos::units::{Cpus, Span, Timestamp};

/// From the end of an iteration to the start of the next in the same task, until it was measured.
const CHAIN_GAP: Span = Span::from_secs(1);

/// What comes between a job's iterations.
pub struct Between<'a> {
    /// What was measured.
    pub gaps: &'a [Span],
    /// What it is taken for until then.
    pub expected: Span,
    /// Planned pause before each iteration.
    pub pause: Span,
    /// What comes once, before the next iteration.
    pub ahead: Span,
    /// What a new task takes longer than to go on in the present one.
    pub new_task: Span,
}

impl Between<'_> {
    /// What comes between the iterations of the job, as it is in `state`.
    pub fn of(state: &JobState) -> Between<'_> {
        let (history, policy) = (&state.history, &state.policy);
        let (deployments, deployment, pause) = (history.gaps.as_slice(), policy.deployment_time, policy.sleeping_time);
        if !state.registered.chain {
            let none = Span::ZERO;
            return Between { gaps: deployments, expected: deployment, pause, ahead: none, new_task: none };
        }
        let gaps = history.chain_gaps.as_slice();
        let longer = middle(deployments, deployment) + pause - middle(gaps, CHAIN_GAP);
        let longer = longer.max(Span::ZERO);
        let (ahead, new_task) = if state.in_chain() { (Span::ZERO, longer) } else { (longer, Span::ZERO) };
        Between { gaps, expected: CHAIN_GAP, pause: Span::ZERO, ahead, new_task }
    }
}

/// In place a chained job gets no more than its framework has reserved for it, and what is known to be free on its node; none when its CPU
/// cannot be changed in place.
pub fn ceiling(state: &JobState, free: Option<Cpus>) -> Option<Cpus> {
    let chained = state.registered.framework == Framework::Chronos && state.resizes_in_place();
    let reserved = state.cpus.filter(|_| chained)?;
    let known = reserved.saturating_add(free.unwrap_or(Cpus::from_milli(0)));
    let planned = state.grant.as_ref().filter(|grant| grant.place.is_some()).and_then(|grant| grant.cap);
    Some(planned.map_or(known, |planned| known.max(planned)))
}

/// What comes of the CPU that a job is `allowed`, where it can have less without a new task: all of it, when it is in reach or worth one.
///
/// `to_others`: it is less than the job has because others need it.
pub fn within_reach(
    state: &JobState,
    rule: &dyn Decide,
    job: &Repeated<'_>,
    allowed: Cpus,
    to_others: bool,
    upper: Timestamp,
) -> (Cpus, Option<Hold>) {
    let in_reach = job.in_place.map_or(allowed == job.from, |most| allowed <= most);
    if in_reach || !state.in_chain() {
        return (allowed, None);
    }
    let kept = job.in_place.map_or(job.from, |most| allowed.min(most));
    // In the middle of an iteration a task does not end.
    let under_way = matches!(state.work, Work::Running(_));
    // Where an arbitration divides the node, the room is there or comes, and nobody keeps it free for it anywhere else.
    let shared = job.in_place.is_some() && state.grant.as_ref().is_some_and(|grant| grant.place.is_some());
    let may_end = !under_way && !shared;
    if may_end && (to_others || rule.worth_a_new_task(job, kept, allowed, upper)) {
        (allowed, None)
    } else {
        (kept, Some(Hold::NewTask { cpus: allowed, kept }))
    }
}

/// What the task that has reported as `key` is told, in the state after its iteration was counted. None when nobody waits for it: the job
/// is not chained, or has no further iteration.
pub fn answer(after: &JobState, key: &RunKey, decided: Option<&Decided>, ending: bool) -> Option<ChainAnswered> {
    after.answering.as_ref()?;
    let RunKey::Run { run, index } = key else { return None };
    let iteration = after.next_iteration();
    let changed = decided.filter(|decided| Acting::of(&decided.policy).is_some() && decided.to != decided.from);
    let (next, reason) = match (changed, after.resizing_to) {
        _ if ending => (ChainNext::Exit, "the task was told to end".into()),
        _ if after.grant.as_ref().is_some_and(|grant| grant.place == Some(Place::Moves)) => {
            (ChainNext::Exit, format!("iteration {iteration} gets a task on a node with more room"))
        }
        (Some(decided), _) if decided.inputs.ceiling.is_some_and(|most| decided.to <= most) => (
            ChainNext::Continue,
            format!("iteration {iteration} follows in the same task, which gets {} CPU in place", decided.to),
        ),
        (Some(decided), _) => (ChainNext::Exit, format!("iteration {iteration} gets a task with {} CPU", decided.to)),
        (None, Some(intended)) => (ChainNext::Exit, format!("iteration {iteration} gets a task with {intended} CPU")),
        (None, None) => (ChainNext::Continue, format!("iteration {iteration} follows in the same task")),
    };
    // The decision is the event after this state.
    let decision = decided.map(|_| after.version + 1);
    Some(ChainAnswered { iteration, run: run.clone(), index: *index, next, decision, reason })
}
