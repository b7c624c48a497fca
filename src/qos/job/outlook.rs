//! What a job would gain from how much CPU, as an arbitration over several jobs asks it.

use std::collections::{BTreeMap, BTreeSet};

use super::prediction::{asked_about, asked_with};
use super::state::{JobState, Work};
use crate::events::job::RescaleMode;
use crate::qos::arbitration::{Aim, Contender, Prospect, Seat, Standing};
use crate::qos::ids::{Framework, JobId};
use crate::qos::policy::{Forecast, IterationForecast, Policy, Predictive};
use crate::qos::units::{Cpus, Span, Timestamp};

/// What of the submitted CPU is kept for a job that gives way under soft limits, in millionths.
const SOFT_SHARE: u32 = 300_000;

/// What a job waits for a node in the mean, as a share of its iteration on one CPU, where not every task always finds room: as if it began
/// when two fifths of another's iteration are left.
const WAIT: f64 = 0.2;

/// The same where one task in six has to wait until another has ended.
const QUEUE: f64 = 0.3;

/// What is known of each job from the rounds before: forecasting them all anew, when one has changed, would be nearly all of the work.
///
/// Exact: what depends on the state alone is kept for the version of its stream, what depends on the instant too for the instant that the
/// forecast starts from. That is the expected end of the iteration under way, and so the same for most rounds.
#[derive(Debug, Default)]
pub struct Outlooks {
    known: BTreeMap<JobId, Known>,
}

#[derive(Debug)]
struct Known {
    version: u64,
    forecast: Option<IterationForecast>,
    seen: Option<(Timestamp, Contender)>,
}

impl Outlooks {
    /// The job as a contender for CPU at `now`; none when nobody can give it another: it decides by a policy that forecasts nothing, is
    /// only advised, is a long-running job, begins much later, or has begun its last iteration.
    pub fn contender(&mut self, state: &JobState, now: Timestamp, aim: Aim) -> Option<Contender> {
        let Policy::Predictive(policy) = &state.policy.policy else { return None };
        let chosen_for = state.registered.framework == Framework::Chronos && !state.policy.dry_run;
        if !chosen_for || state.ending().is_some() || begins_later(state, now) {
            return None;
        }
        let fresh = || Known {
            version: state.version,
            forecast: asked_about(state, ready_since(state)).map(|job| IterationForecast::of(policy, &job)),
            seen: None,
        };
        let known = self.known.entry(state.registered.job).or_insert_with(fresh);
        if known.version != state.version {
            *known = fresh();
        }
        let forecast = known.forecast.as_ref()?;
        let at = forecast.at_the_next_choice(state, now);
        let seat = if aim == Aim::ByNode { seat(state) } else { Seat::Anywhere };
        if let Seat::On(..) = seat {
            // What is left of its iteration is decided about, too, wherever its node has the room.
            let job = asked_with(state, now, Some(policy.cpu_max))?;
            let here = IterationForecast::of(policy, &job);
            let moved = at.in_a_new_task();
            return seen(state, policy, seat, &here, Some(&moved));
        }
        if let Some((_, contender)) = known.seen.as_ref().filter(|(seen_at, _)| *seen_at == at.at()) {
            return Some(contender.clone());
        }
        let contender = seen(state, policy, seat, &at, None)?;
        known.seen = Some((at.at(), contender.clone()));
        Some(contender)
    }

    /// Keeps what is known of `living` jobs only.
    pub fn keep(&mut self, living: &BTreeSet<JobId>) {
        self.known.retain(|job, _| living.contains(job));
    }
}

/// The job by what it gains from each CPU.
fn seen(
    state: &JobState,
    policy: &Predictive,
    seat: Seat,
    forecast: &IterationForecast,
    moved: Option<&IterationForecast>,
) -> Option<Contender> {
    if forecast.remaining() == 0 {
        return None;
    }
    let by = state.registered.t0 + state.registered.declared.deadline.per_million(policy.target);
    let chained = state.registered.chain;
    let waits = |share: f64| match (chained, state.in_chain()) {
        (false, _) => forecast.clone().without_waits().waiting_for_nodes(share),
        // One task for all iterations waits once, and one that runs does not.
        (true, false) => forecast.clone().after_a_wait_for_a_node(share),
        (true, true) => forecast.clone(),
    };
    let (waiting, queueing) = (waits(WAIT), waits(QUEUE));
    let (undisturbed, most) = (forecast.clone().without_waits(), policy.cpu_max);
    let prospect = |cpus| Prospect {
        cpus,
        chance: forecast.chance(cpus, by),
        waiting: waiting.chance(cpus, by),
        queueing: queueing.chance(cpus, by),
        bridge: undisturbed.clone().after_one_more(cpus).chance(most, by),
        moved: moved.map_or(0.0, |moved| moved.chance(cpus, by)),
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
        chained,
        has: state.resizing_to.or(state.cpus)?,
        gave_way: state.grant.as_ref().is_some_and(|grant| grant.standing == Standing::GivesWay),
        takes_turns: !chained
            || state.resizes_in_place()
            || state.registered.supervision.rescale == RescaleMode::InPlace,
        seat,
        prospects: policy.sizes().map(prospect).collect(),
    })
}

/// Where the job is, if it keeps its node and its CPU is changed there.
fn seat(state: &JobState) -> Seat {
    let keeps = state.registered.chain
        && (state.resizes_in_place() || state.registered.supervision.rescale == RescaleMode::InPlace);
    if !keeps {
        return Seat::Anywhere;
    }
    let segment = state.execution.as_ref().and_then(|execution| execution.segment.as_ref()).filter(|one| one.running);
    let has = state.cpus_in_force().max(state.resizing_to.filter(|_| state.resizes_in_place()));
    match (&state.work, segment.and_then(|segment| segment.hostname.clone()), has) {
        (Work::Running(_) | Work::Attempted(_), Some(host), Some(has)) => Seat::On(host, has),
        (Work::None, ..) => Seat::ToStart(None),
        (Work::Attempted(_), ..) => Seat::ToStart(state.cpus),
        (Work::Running(_), ..) => Seat::Anywhere,
    }
}

/// From when on the job has to be reckoned with: its first start, or what a deployment takes before it.
pub fn counts_from(state: &JobState) -> Timestamp {
    state.registered.t0 - state.policy.deployment_time
}

/// A job that is to start in the future neither contends nor keeps room until then.
fn begins_later(state: &JobState, now: Timestamp) -> bool {
    now < counts_from(state) && state.work == Work::None && state.done == 0
}

/// Since when the job could have begun its next iteration: what predictions between two iterations start from.
pub fn ready_since(state: &JobState) -> Timestamp {
    state.last.map_or(state.registered.t0, |last| last.finished_at)
}

/// What a job asks of the cluster that nobody decides about.
pub fn occupies(state: &JobState, now: Timestamp) -> Option<Cpus> {
    state.cpus.filter(|_| state.ending().is_none() && !begins_later(state, now))
}

impl IterationForecast {
    /// The same job at its next choice of CPU, as it looks at `now`.
    fn at_the_next_choice(&self, state: &JobState, now: Timestamp) -> Self {
        let forecast = self.clone();
        match (&state.work, state.history.run_cpus()) {
            (Work::Running(run), Some(cpus)) => forecast.after_the_present(run.since, cpus, now),
            // Asked for, with a CPU that nobody changes any more: it begins as soon as usual, or about now.
            (Work::Attempted(_), Some(cpus)) => {
                let begins = (ready_since(state) + self.gap).max(now);
                forecast.after_the_present(begins, cpus, now)
            }
            // Whatever keeps it from starting, it has waited no longer than one usually does.
            _ => forecast.waiting(now),
        }
    }

    /// The same job at `now`, in the middle of the gap before its next iteration.
    fn waiting(self, now: Timestamp) -> Self {
        let latest = now + (Span::ZERO - self.gap);
        self.starting_from(latest)
    }
}
