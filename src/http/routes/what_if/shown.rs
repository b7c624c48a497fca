//! The answer: both, side by side.

use crate::api::what_if::{DivergenceView, IntervalView, OutcomeView, ReplayedDecision, WhatIf};
use crate::http::problem::Problem;
use crate::replay::law::Unit;
use crate::replay::{Comparison, Outcome};

/// The document of the answer.
///
/// # Errors
/// 500, when there is nothing in it.
pub fn view(comparison: Comparison) -> Result<WhatIf, Problem> {
    let Comparison { change, jobs, notes, .. } = comparison;
    let job = jobs.into_iter().next().ok_or_else(|| Problem::internal("a comparison without a job"))?;
    let law = &job.law;
    let of = match law.of {
        Unit::Iteration => "An iteration",
        Unit::CpuSecond => "A CPU-second of work",
    };
    let model = format!(
        "{of} takes {:.2} s ± {:.2} that more than one CPU does not shorten, and {:.2} s ± {:.2} that all CPUs divide; single \
         measurements scatter by {:.0} % ({} of them)",
        law.serial_s,
        law.serial_deviation_s,
        law.parallel_s,
        law.parallel_deviation_s,
        law.spread * 100.0,
        law.observations
    );
    let finish = job.finish_another_run;
    Ok(WhatIf {
        change,
        deadline_s: job.deadline_s,
        recorded_policy: job.recorded_policy,
        recorded: outcome(&job.recorded),
        replayed: outcome(&job.replayed),
        finish: finish.map(|one| IntervalView { low_s: one.low_s, median_s: one.median_s, high_s: one.high_s }),
        chance_on_time: job.chance_on_time,
        first_divergence: job.first_divergence.map(|parting| DivergenceView {
            after: parting.after,
            at_s: parting.at_s,
            recorded_cpus: parting.recorded_cpus,
            recorded_reason: parting.recorded_reason,
            replayed_cpus: parting.replayed_cpus,
            replayed_reason: parting.replayed_reason,
        }),
        model,
        decisions: job
            .replayed_decisions
            .into_iter()
            .map(|one| ReplayedDecision {
                after: one.after,
                at_s: one.at_s,
                from: one.from,
                to: one.to,
                reason: one.reason,
            })
            .collect(),
        notes,
    })
}

fn outcome(outcome: &Outcome) -> OutcomeView {
    OutcomeView {
        complete: outcome.complete,
        finish_s: outcome.finish_s,
        on_time: outcome.on_time,
        cpu_seconds: outcome.cpu_seconds,
        rescales: outcome.rescales,
        last_cpus: outcome.last_cpus.as_f64(),
    }
}
