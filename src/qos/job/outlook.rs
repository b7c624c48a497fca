//! What a job would gain from how much CPU, as an arbitration over several jobs asks it.

mod gains;

use std::collections::{BTreeMap, BTreeSet};

use gains::{Gains, Waits};

use super::prediction::{asked_about, asked_with};
use super::state::{JobState, Work};
use crate::events::job::RescaleMode;
use crate::qos::arbitration::{Aim, Contender, Prospects, Seat, Standing};
use crate::qos::ids::{Framework, JobId};
use crate::qos::policy::{Forecast, IterationForecast, Policy, Predictive};
use crate::qos::units::{Cpus, Span, Timestamp};

/// What of the submitted CPU is kept for a job that gives way under soft limits, in millionths.
const SOFT_SHARE: u32 = 300_000;

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
    seen: Option<Seen>,
}

#[derive(Debug)]
struct Seen {
    /// The instant that the forecast starts from; none where it is another in each round.
    at: Option<Timestamp>,
    contender: Contender,
}

impl Outlooks {
    /// The job as a contender for CPU, as [`Outlooks::look_at`] has seen it last.
    pub fn contender(&self, job: JobId) -> Option<&Contender> {
        self.known.get(&job)?.seen.as_ref().map(|seen| &seen.contender)
    }

    /// Looks at the job at `now`. It is no contender when nobody can give it another CPU: it decides by a policy that forecasts nothing, is
    /// only advised, is a long-running job, begins much later, or has begun its last iteration.
    pub fn look_at(&mut self, state: &JobState, now: Timestamp, aim: Aim) {
        if self.contends(state, now, aim).is_none()
            && let Some(known) = self.known.get_mut(&state.registered.job)
        {
            known.seen = None;
        }
    }

    fn contends(&mut self, state: &JobState, now: Timestamp, aim: Aim) -> Option<()> {
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
        let next = forecast.at_the_next_choice(state, now);
        let seat = if aim == Aim::ByNode { seat(state) } else { Seat::Anywhere };
        let (at, contender) = if let Seat::On(..) = seat {
            // What is left of its iteration is decided about, too, wherever its node has the room.
            let job = asked_with(state, now, Some(policy.cpu_max))?;
            (None, seen(state, policy, seat, forecast.again(&job), Some(next.in_a_new_task()))?)
        } else {
            let at = Some(next.at());
            if known.seen.as_ref().is_some_and(|seen| seen.at == at && seen.contender.seat == seat) {
                return Some(());
            }
            (at, seen(state, policy, seat, next, None)?)
        };
        known.seen = Some(Seen { at, contender });
        Some(())
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
    forecast: IterationForecast,
    moved: Option<IterationForecast>,
) -> Option<Contender> {
    if forecast.remaining() == 0 {
        return None;
    }
    let by = state.registered.t0 + state.registered.declared.deadline.per_million(policy.target);
    let chained = state.registered.chain;
    let waits = match (chained, state.in_chain()) {
        (false, _) => Waits::BeforeEach,
        (true, false) => Waits::Once,
        (true, true) => Waits::NoMore,
    };
    let supported = forecast.fitted.observations >= policy.own_history;
    let gains = Gains::new(forecast, moved, by, policy.cpu_max, waits);
    let submitted = state.registered.cpus.or(state.cpus)?;
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
        reserved: state.cpus.unwrap_or(Cpus::from_milli(0)),
        gave_way: state.grant.as_ref().is_some_and(|grant| grant.standing == Standing::GivesWay),
        takes_turns: !chained
            || state.resizes_in_place()
            || state.registered.supervision.rescale == RescaleMode::InPlace,
        seat,
        prospects: Prospects::new(policy.sizes().collect(), Box::new(gains)),
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
        (Work::None, ..) => Seat::ToStart,
        (Work::Attempted(_), ..) => match state.cpus {
            Some(asked) => Seat::Asked(asked, state.grant.as_ref().and_then(|grant| grant.node.clone())),
            None => Seat::ToStart,
        },
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
