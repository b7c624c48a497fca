//! The decision after a counted iteration.

use super::FOLD_VERSION;
use super::state::JobState;
use crate::events::job::{Decided, DecisionInputs};
use crate::qos::chronos::{bounds, classify, predict};
use crate::qos::performance::Performance;
use crate::qos::policy::UnknownVersion;
use crate::qos::units::{Cpus, Timestamp};

/// Decides for `state` as it will be after the event with version `event`, which leaves `remaining` iterations at `at`.
///
/// `None` while the job's CPU is unknown.
pub fn decide_cpus(
    state: &JobState,
    event: u64,
    at: Timestamp,
    remaining: u32,
) -> Result<Option<Decided>, UnknownVersion> {
    let Some(from) = state.cpus else { return Ok(None) };
    let declared = &state.registered.declared;
    let policy = &state.policy;
    let bounds = bounds(state.registered.t0, declared);
    let prediction = predict(at, remaining, declared.duration, policy.sleeping_time, policy.deployment_time);
    let performance = classify(prediction, bounds);
    let to = policy.next_cpus(from, performance)?;
    let (edge, name) = match performance {
        Performance::UnderPerformant | Performance::OnPlan => (bounds.upper, "upper"),
        Performance::OverPerformant => (bounds.lower, "lower"),
    };
    Ok(Some(Decided {
        inputs: DecisionInputs { event, at, remaining },
        policy: policy.clone(),
        fold: FOLD_VERSION,
        prediction,
        bounds,
        performance,
        from,
        to,
        reason: reason(performance, prediction.since(edge).seconds(), name, from, to),
    }))
}

fn reason(performance: Performance, from_edge: f64, edge: &str, from: Cpus, to: Cpus) -> String {
    let side = if from_edge > 0.0 { "after" } else { "before" };
    let distance = from_edge.abs();
    let action = match (performance, from == to) {
        (Performance::OnPlan, _) => format!("{from} CPU stay"),
        (Performance::UnderPerformant, true) => format!("{from} CPU is the most it may get"),
        (Performance::OverPerformant, true) => format!("{from} CPU is the least it may get"),
        (_, false) => format!("{from} -> {to} CPU"),
    };
    format!("predicted finish {distance:.1} s {side} the {edge} bound: {action}")
}
