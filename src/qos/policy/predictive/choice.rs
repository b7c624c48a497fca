//! Which CPU, once it is known when the job would end with each.

use super::{Forecast, Predictive};
use crate::qos::model::Change;
use crate::qos::performance::Performance;
use crate::qos::units::{Cpus, Timestamp};

/// What is known about a job beside its forecast.
pub struct Situation<'a> {
    /// The CPU that it has.
    pub from: Cpus,
    /// The submitted CPU.
    pub submitted: Cpus,
    /// By when it is to end.
    pub target: Timestamp,
    /// Measurements of its own.
    pub observations: u32,
    /// The last change of its CPU.
    pub last_change: Option<&'a Change>,
    /// That change is less than two periods ago.
    pub changed_lately: bool,
}

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Choice {
    /// The least CPU that keeps the target; none when no CPU does.
    pub needed: Option<Cpus>,
    /// The CPU to have.
    pub cpus: Cpus,
    /// How the job is doing with the CPU that it has.
    pub performance: Performance,
    /// Why less is not chosen although less would do.
    pub stays: Option<&'static str>,
}

/// What CPU there may be: the multiples of the grid between the bounds, and the bounds.
pub fn candidates(policy: &Predictive) -> impl Iterator<Item = Cpus> {
    let (min, max, grid) = (policy.cpu_min.milli(), policy.cpu_max.milli(), policy.cpu_grid.milli().max(1));
    let first = (min / grid).saturating_add(1);
    let inner = (first..).map(move |n| n.saturating_mul(grid)).take_while(move |cpus| *cpus < max);
    let ends = (max > min).then_some(max);
    std::iter::once(min).chain(inner).chain(ends).map(Cpus::from_milli)
}

/// The least CPU that is likely enough to end by `target`.
pub fn least(policy: &Predictive, forecast: &impl Forecast, target: Timestamp) -> Option<Cpus> {
    let confidence = share(policy.confidence);
    // To reckon the chance of what is far too little would be most of the work.
    let too_little = |cpus: Cpus| forecast.less_likely(cpus, target, confidence);
    let enough = candidates(policy).find(|cpus| !too_little(*cpus) && forecast.chance(*cpus, target) >= confidence)?;
    // Where less than one CPU would do, twice the CPU takes half the time: more of it costs nothing and makes the job surer. What the
    // dearest of all that is no more than enough costs, rises with it: a later deadline never brings more.
    let cost = |cpus: Cpus| cpus.as_f64() * forecast.left(cpus).seconds();
    let (up_to_enough, more) = (candidates(policy).take_while(|cpus| *cpus <= enough), candidates(policy));
    let most = up_to_enough.map(cost).fold(0.0, f64::max) * FREE;
    let rising = more.skip_while(|cpus| *cpus <= enough);
    let (mut chosen, mut free) = (enough, rising.take_while(|cpus| cost(*cpus) <= most));
    while forecast.chance(chosen, target) < SURE
        && let Some(more) = free.next()
    {
        chosen = more;
    }
    Some(chosen)
}

/// A CPU that costs so many times as much costs the same.
const FREE: f64 = 1.03;

/// The probability that is worth having for nothing.
const SURE: f64 = 0.9995;

fn share(millionths: u32) -> f64 {
    f64::from(millionths) / 1e6
}

/// The CPU for the job.
pub fn choose(policy: &Predictive, forecast: &impl Forecast, now: &Situation<'_>) -> Choice {
    let unsupported = now.observations < policy.own_history;
    // A declaration alone never takes away what was submitted.
    let floor = if unsupported { now.submitted.min(policy.cpu_max) } else { policy.cpu_min };
    let needed = least(policy, forecast, now.target);
    if forecast.chance(now.from, now.target) < share(policy.enough) {
        let cpus = needed.unwrap_or(policy.cpu_max).max(now.from);
        return Choice { needed, cpus, performance: Performance::UnderPerformant, stays: None };
    }
    let keep = |performance, stays| Choice { needed, cpus: now.from, performance, stays };
    let spare = needed.filter(|cpus| cpus.saturating_add(policy.least_reduction) <= now.from);
    let Some(lower) = spare else { return keep(Performance::OnPlan, None) };
    let allowed = lower.max(floor);
    if allowed.saturating_add(policy.least_reduction) > now.from {
        return keep(Performance::OverPerformant, Some("less is not given before its own measurements support it"));
    }
    let raised = now.last_change.is_some_and(|change| change.to > change.from);
    if raised && now.changed_lately {
        return keep(Performance::OverPerformant, Some("it was raised a short while ago"));
    }
    Choice { needed, cpus: allowed, performance: Performance::OverPerformant, stays: None }
}
