//! Whether a chained job's next iteration should be a task of its own, for another CPU.

use super::Predictive;
use super::forecast::{Forecast, IterationForecast};
use crate::qos::policy::view::Repeated;
use crate::qos::units::Cpus;

/// A deployment must make the job's being on time likelier by this much.
const LIKELIER: f64 = 0.01;

/// More must make it likelier that the job is on time, or less late where it is late either way. Less must be as safe, and save
/// CPU-seconds after those that stand still during the deployment.
pub fn worth_it(policy: &Predictive, job: &Repeated<'_>, kept: Cpus, to: Cpus) -> bool {
    let forecast = IterationForecast::of(policy, job);
    let by = job.t0 + job.declared.deadline.per_million(policy.target);
    let (keeping, changing) = (forecast.chance(kept, by), forecast.chance(to, by));
    if to > kept {
        let late_either_way = keeping < LIKELIER && changing < LIKELIER;
        return changing > keeping + LIKELIER || late_either_way && forecast.finish(to) < forecast.finish(kept);
    }
    let reserved = |cpus: Cpus| cpus.as_f64() * forecast.left(cpus).seconds();
    changing >= f64::from(policy.confidence) / 1e6 && reserved(to) < reserved(kept)
}
