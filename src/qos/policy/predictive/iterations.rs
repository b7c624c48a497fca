//! The decision about a repeated batch job.

use super::choice::{Situation, choose};
use super::forecast::{Forecast, IterationForecast, span};
use super::{Predictive, seconds};
use crate::qos::chronos::Bounds;
use crate::qos::policy::view::{ModelValues, Repeated, RepeatedWish, Wish};
use crate::qos::units::{Cpus, Span, Timestamp};

/// No CPU is taken away while a raise is so many iterations old or less.
const PERIODS: u32 = 2;

pub fn decide(policy: &Predictive, job: &Repeated<'_>) -> RepeatedWish {
    let forecast = IterationForecast::of(policy, job);
    let target = job.t0 + job.declared.deadline.per_million(policy.target);
    let last_change = job.history.changes.last();
    let choice = choose(
        policy,
        &forecast,
        &Situation {
            from: job.from,
            submitted: job.submitted,
            target,
            observations: forecast.fitted.observations,
            last_change,
            changed_lately: last_change.is_some_and(|change| job.done.saturating_sub(change.done) < PERIODS),
        },
    );
    let published = job.published_bounds();
    let model = values(&forecast, target, choice.cpus);
    let grounds = grounds(&forecast, job, choice.needed, policy.cpu_max);
    let wish =
        Wish { performance: choice.performance, cpus: choice.cpus, grounds, stays: choice.stays, model: Some(model) };
    let bounds = Bounds { lower: published.lower.min(target), upper: target };
    RepeatedWish { prediction: forecast.finish(job.from), finish: forecast.finish(choice.cpus), bounds, wish }
}

fn values(forecast: &IterationForecast, target: Timestamp, cpus: Cpus) -> ModelValues {
    let finish = forecast.finish(cpus);
    ModelValues::Iterations {
        serial: span(forecast.fitted.speed.serial),
        parallel: span(forecast.fitted.speed.parallel),
        spread: (forecast.fitted.spread * 1e6).round() as i64,
        gap: forecast.gap,
        margin: target.since(finish),
        finish,
        observations: forecast.fitted.observations,
    }
}

fn grounds(forecast: &IterationForecast, job: &Repeated<'_>, needed: Option<Cpus>, cpu_max: Cpus) -> String {
    let cpus = needed.unwrap_or(cpu_max);
    let early = job.deadline_at().since(forecast.finish(cpus));
    let side = if early < Span::ZERO { "after" } else { "before" };
    let (iteration, gap) = (seconds(forecast.iteration(cpus)), seconds(forecast.gap + job.sleeping_time));
    let plan = match job.remaining {
        1 => format!("1 iteration of {iteration} after {gap}"),
        several => format!("{several} iterations of {iteration} and {gap} between them"),
    };
    match needed {
        Some(needed) => format!("needs {needed} CPU to finish {} {side} the deadline ({plan})", seconds(early)),
        None if early < Span::ZERO => {
            format!(
                "would finish {} after the deadline with the {cpu_max} CPU that it may get ({plan})",
                seconds(early)
            )
        }
        None => format!(
            "with the {cpu_max} CPU that it may get it would finish {} before the deadline ({plan}), too close to be sure",
            seconds(early)
        ),
    }
}
