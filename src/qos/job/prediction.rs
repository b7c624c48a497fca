//! The decision about a repeated batch job: after a counted iteration, with some policies at its registration, and where its CPU is changed
//! in place in the middle of an iteration, too.

use super::FOLD_VERSION;
use super::chain::{Between, ceiling, within_reach};
use super::hold::{Hold, max_rescales, restless, told};
use super::state::{JobState, Work};
use crate::events::job::{Decided, DecisionInputs};
use crate::qos::policy::{Repeated, UnknownVersion};
use crate::qos::units::{Cpus, Timestamp};

/// Decides at `at` for `state` as it is after the event that asks for the decision.
///
/// `None` while the job's CPU is unknown.
pub fn decide_cpus(state: &JobState, at: Timestamp) -> Result<Option<Decided>, UnknownVersion> {
    decide_cpus_with(state, at, None)
}

/// The same where `free` CPU of the job's node is not reserved; none when nobody says.
pub fn decide_cpus_with(
    state: &JobState,
    at: Timestamp,
    free: Option<Cpus>,
) -> Result<Option<Decided>, UnknownVersion> {
    decide_cpus_as(state, at, free, FOLD_VERSION)
}

/// The same as version `fold` did.
pub fn decide_cpus_as(
    state: &JobState,
    at: Timestamp,
    free: Option<Cpus>,
    fold: u16,
) -> Result<Option<Decided>, UnknownVersion> {
    let Some(job) = asked_with(state, at, free) else { return Ok(None) };
    let policy = &state.policy;
    let rule = policy.rule()?;
    let under_way = state.registered.chain && matches!(state.work, Work::Running(_));
    if under_way && !rule.decides_within_iterations() {
        return Ok(None);
    }
    let answer = rule.repeated(&job);
    let (from, wished) = (job.from, answer.wish.cpus);
    let cap = state.grant.as_ref().and_then(|grant| Some((grant.cap?, grant.standing)));
    let capped = cap.filter(|(cap, _)| *cap < wished);
    let allowed = capped.map_or(wished, |(cap, _)| cap);
    let too_soon = (under_way && capped.is_none() && allowed < from).then_some(Hold::UnderWay);
    let hold = max_rescales(state, from, allowed).or_else(|| restless(state, from, allowed, fold)).or(too_soon);
    let (to, unreached) = match &hold {
        // What its node has no longer is taken back, whatever else holds.
        Some(_) => (job.in_place.map_or(from, |most| from.min(most)), None),
        None => within_reach(state, rule, &job, allowed, capped.is_some() && allowed < from, answer.bounds.upper),
    };
    let hold = hold.or(unreached).or(capped.map(|(cap, standing)| Hold::Shared { cap, standing }));
    // Of the CPU that the job is going to have: it is not predicted to be late when it is just being given what it needs, and not to be on time
    // when that is taken away.
    let prediction = match to {
        _ if policy.dry_run => answer.prediction,
        _ if to == wished => answer.finish,
        // Up to version 3 of the fold: of the CPU that it had.
        _ if to == from || fold < 4 => answer.prediction,
        _ => rule.finish_with(&job, to).unwrap_or(answer.prediction),
    };
    Ok(Some(Decided {
        inputs: DecisionInputs { event: state.version, at, remaining: job.remaining, ceiling: job.in_place },
        policy: policy.clone(),
        fold,
        prediction,
        bounds: answer.bounds,
        performance: answer.wish.performance,
        from,
        to,
        wish: capped.map(|_| wished),
        reason: told(&answer.wish, hold.as_ref(), from, to, policy.dry_run),
        model: answer.wish.model,
    }))
}

/// What a policy is to know about `state` at `at`; `None` while the job's CPU is unknown.
pub fn asked_about(state: &JobState, at: Timestamp) -> Option<Repeated<'_>> {
    asked_with(state, at, None)
}

/// The same where `free` CPU of the job's node is not reserved; none when nobody says.
pub fn asked_with(state: &JobState, at: Timestamp, free: Option<Cpus>) -> Option<Repeated<'_>> {
    let from: Cpus = state.cpus_in_force()?;
    let between = Between::of(state);
    let in_place = ceiling(state, free);
    Some(Repeated {
        at,
        remaining: state.remaining(),
        done: state.done,
        from,
        submitted: state.registered.cpus.unwrap_or(from),
        t0: state.registered.t0,
        declared: &state.registered.declared,
        history: &state.history,
        sleeping_time: between.pause,
        deployment_time: state.policy.deployment_time,
        gaps: between.gaps,
        gap: between.expected,
        ahead: between.ahead,
        in_place,
        // Only where its CPU can be changed meanwhile it matters what is left of an iteration.
        spells: if in_place.is_some() { state.history.spells.as_slice() } else { &[] },
        resize_cost: between.new_task,
    })
}
