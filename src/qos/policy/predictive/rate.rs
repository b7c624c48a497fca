//! The decision about a long-running job.

use super::choice::{Choice, Situation, choose};
use super::forecast::{Forecast, RateForecast, span};
use super::{Predictive, seconds};
use crate::qos::performance::Performance;
use crate::qos::policy::view::{LongRunning, ModelValues, Wish};
use crate::qos::units::{Cpus, Span, Timestamp};

/// No CPU is taken away while a raise is so many monitoring periods old or less.
const PERIODS: i64 = 2;

/// A restart that takes CPU away must save so many times the CPU-seconds that stand still during it.
const WORTH_A_RESTART: f64 = 2.0;

pub fn decide(policy: &Predictive, job: &LongRunning<'_>) -> Wish {
    let forecast = RateForecast::of(policy, job);
    let target = job.started_at + job.declared.deadline.per_million(policy.target);
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
            changed_lately: last_change.is_some_and(|change| job.at < change.at + job.period * PERIODS),
        },
    );
    let choice = worth_it(&forecast, job, choice);
    Wish {
        performance: choice.performance,
        cpus: choice.cpus,
        grounds: grounds(&forecast, job, choice.needed, policy.cpu_max),
        stays: choice.stays,
        model: Some(values(&forecast, target, choice.cpus)),
    }
}

/// A restart that costs more than it gains is not made.
fn worth_it(forecast: &RateForecast, job: &LongRunning<'_>, choice: Choice) -> Choice {
    let (from, to) = (job.from, choice.cpus);
    let cost = forecast.cost(to);
    if cost == Span::ZERO {
        return choice;
    }
    let worth = if to > from {
        forecast.finish(to) < forecast.finish(from)
    } else {
        forecast.reserved(from) - forecast.reserved(to) > WORTH_A_RESTART * from.as_f64() * cost.seconds()
    };
    let stays = Some("a restart would cost more than it gains");
    let performance = if to > from { Performance::UnderPerformant } else { choice.performance };
    if worth { choice } else { Choice { cpus: from, stays, performance, ..choice } }
}

fn values(forecast: &RateForecast, target: Timestamp, cpus: Cpus) -> ModelValues {
    let finish = forecast.finish(cpus);
    ModelValues::Rate {
        serial: span(forecast.fitted.speed.serial),
        parallel: span(forecast.fitted.speed.parallel),
        spread: (forecast.fitted.spread * 1e6).round() as i64,
        downtime: forecast.downtime,
        margin: target.since(finish),
        finish,
        observations: forecast.fitted.observations,
    }
}

fn grounds(forecast: &RateForecast, job: &LongRunning<'_>, needed: Option<Cpus>, cpu_max: Cpus) -> String {
    let cpus = needed.unwrap_or(cpu_max);
    let early = (job.started_at + job.declared.deadline).since(forecast.finish(cpus));
    let side = if early < Span::ZERO { "after" } else { "before" };
    let used_per_second = 1.0 / forecast.fitted.speed.seconds(cpus.as_f64()).max(1e-9);
    let plan =
        format!("{:.0} CPU-seconds left, of which it uses {used_per_second:.2} a second", forecast.work.seconds());
    match needed {
        Some(needed) => format!("needs {needed} CPU to finish {} {side} the deadline ({plan})", seconds(early)),
        None => format!(
            "would finish {} {side} the deadline with the {cpu_max} CPU that it may get ({plan})",
            seconds(early)
        ),
    }
}
