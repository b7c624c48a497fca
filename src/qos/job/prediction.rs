//! The decision about a repeated batch job: after a counted iteration, and with some policies at its registration.

use super::FOLD_VERSION;
use super::hold::{Hold, max_rescales, restless, told};
use super::state::JobState;
use crate::events::job::{Decided, DecisionInputs};
use crate::qos::policy::{Repeated, UnknownVersion};
use crate::qos::units::{Cpus, Span, Timestamp};

/// Decides at `at` for `state` as it is after the event that asks for the decision.
///
/// `None` while the job's CPU is unknown.
pub fn decide_cpus(state: &JobState, at: Timestamp) -> Result<Option<Decided>, UnknownVersion> {
    let Some(job) = asked_about(state, at) else { return Ok(None) };
    let policy = &state.policy;
    let answer = policy.rule()?.repeated(&job);
    let (from, wished) = (job.from, answer.wish.cpus);
    let cap = state.grant.as_ref().and_then(|grant| Some((grant.cap?, grant.standing)));
    let capped = cap.filter(|(cap, _)| *cap < wished);
    let allowed = capped.map_or(wished, |(cap, _)| cap);
    let hold = max_rescales(state, from, allowed).or_else(|| restless(state, from, allowed));
    let to = if hold.is_some() { from } else { allowed };
    let hold = hold.or(capped.map(|(cap, standing)| Hold::Shared { cap, standing }));
    // Of the CPU that the job is going to have: it is not predicted to be late when it is just being given what it needs.
    let prediction = if to == wished && !policy.dry_run { answer.finish } else { answer.prediction };
    Ok(Some(Decided {
        inputs: DecisionInputs { event: state.version, at, remaining: job.remaining },
        policy: policy.clone(),
        fold: FOLD_VERSION,
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
    let from: Cpus = state.cpus?;
    Some(Repeated {
        at,
        remaining: state.remaining(),
        done: state.done,
        from,
        submitted: state.registered.cpus.unwrap_or(from),
        t0: state.registered.t0,
        declared: &state.registered.declared,
        history: &state.history,
        sleeping_time: state.policy.sleeping_time,
        deployment_time: state.policy.deployment_time,
        resize_cost: Span::ZERO,
    })
}
