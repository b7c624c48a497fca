//! What a job would gain from how much CPU, as an arbitration over several jobs asks it.

use super::prediction::asked_about;
use super::state::{JobState, Work};
use crate::qos::arbitration::{Contender, Prospect};
use crate::qos::ids::Framework;
use crate::qos::policy::{Forecast, IterationForecast, Policy, Predictive};
use crate::qos::units::{Cpus, Span, Timestamp};

/// What of the submitted CPU is kept for a job that gives way under soft limits, in millionths.
const SOFT_SHARE: u32 = 300_000;

/// What a job waits for a node in the mean, as a share of its iteration on one CPU, where not every task always finds room: every fifth or so
/// waits for half of another's.
const WAIT: f64 = 0.1;

/// The job as a contender for CPU at `now`; none when nobody can give it another: it decides by a policy that forecasts nothing, is only
/// advised, is a long-running job, or has begun its last iteration.
pub fn contender(state: &JobState, now: Timestamp) -> Option<Contender> {
    let Policy::Predictive(policy) = &state.policy.policy else { return None };
    let chosen_for = state.registered.framework == Framework::Chronos && !state.policy.dry_run;
    if !chosen_for || state.ending().is_some() {
        return None;
    }
    let forecast = forecast(state, policy, now)?;
    let by = state.registered.t0 + state.registered.declared.deadline.per_million(policy.target);
    let waiting = forecast.clone().waiting_for_nodes(WAIT);
    let prospect = |cpus| Prospect {
        cpus,
        chance: forecast.chance(cpus, by),
        waiting: waiting.chance(cpus, by),
        late: forecast.finish(cpus).since(by).seconds(),
    };
    let submitted = state.registered.cpus.or(state.cpus)?;
    let supported = forecast.fitted.observations >= policy.own_history;
    Some(Contender {
        job: state.registered.job,
        wish: state.decision.map(|decision| decision.wish).or(state.cpus)?,
        floor: policy.cpu_min,
        least: if supported { policy.cpu_min } else { submitted.clamp(policy.cpu_min, policy.cpu_max) },
        // With soft limits it also gets what its neighbours leave: less has to be kept for it.
        modest: if policy.soft { submitted.per_million(SOFT_SHARE) } else { submitted }
            .clamp(policy.cpu_min, policy.cpu_max),
        prospects: policy.sizes().map(prospect).collect(),
    })
}

/// The forecast of what can still be chosen.
fn forecast(state: &JobState, policy: &Predictive, now: Timestamp) -> Option<IterationForecast> {
    let job = asked_about(state, ready_since(state))?;
    let forecast = IterationForecast::of(policy, &job);
    let forecast = match (&state.work, state.history.run_cpus()) {
        (Work::Running(run), Some(cpus)) => forecast.after_the_present(run.since, cpus, now),
        // Whatever keeps it from starting, it has waited no longer than one usually does.
        _ => forecast.waiting(now),
    };
    (forecast.remaining() > 0).then_some(forecast)
}

/// Since when the job could have begun its next iteration: what predictions between two iterations start from.
pub fn ready_since(state: &JobState) -> Timestamp {
    state.last.map_or(state.registered.t0, |last| last.finished_at)
}

/// What a job asks of the cluster that nobody decides about.
pub fn occupies(state: &JobState) -> Option<Cpus> {
    state.cpus.filter(|_| state.ending().is_none())
}

impl IterationForecast {
    /// The same job at `now`, in the middle of the gap before its next iteration.
    fn waiting(self, now: Timestamp) -> Self {
        let latest = now + (Span::ZERO - self.gap);
        self.starting_from(latest)
    }
}
