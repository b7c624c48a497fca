//! When a job ends with how much CPU, and how sure that is. What an arbitration over several jobs asks, too.

use super::Predictive;
use crate::qos::model::{
    Fitted, Hypotheses, Left, Observation, Prior, Spell, chance, deviation, fit, hypotheses, less_likely, middle,
    none_straggles, normal, undisturbed,
};
use crate::qos::policy::view::{LongRunning, Repeated};
use crate::qos::units::{Cpus, Span, Timestamp};

/// The relative standard deviation of gaps that is assumed until it is measured; what it counts, in gaps.
const GAP_SPREAD: (f64, f64) = (0.15, 4.0);

/// Of a restart that was never seen, so much more than assumed must fit.
const UNSEEN_DOWNTIME: f64 = 0.5;

/// When a job ends with how much CPU.
pub trait Forecast {
    /// Time from now to the end with `cpus`, without any margin.
    fn left(&self, cpus: Cpus) -> Span;

    /// The probability, from 0 to 1, that it ends by `by` with `cpus`.
    fn chance(&self, cpus: Cpus, by: Timestamp) -> f64;

    /// Whether that is known to be less than `than`, without reckoning it. False where it is not known.
    fn less_likely(&self, _cpus: Cpus, _by: Timestamp, _than: f64) -> bool {
        false
    }

    /// The instant that the forecast is made at.
    fn at(&self) -> Timestamp;

    /// When it ends with `cpus`, without any margin.
    fn finish(&self, cpus: Cpus) -> Timestamp {
        self.at() + self.left(cpus)
    }
}

fn rounded(micros: f64) -> i64 {
    // `as` holds what is out of range at the nearest bound.
    micros.round() as i64
}

/// `seconds`, rounded to a microsecond.
pub(super) fn span(seconds: f64) -> Span {
    Span::from_micros(rounded(seconds * 1e6))
}

/// The forecast of a repeated job.
#[derive(Debug, Clone)]
pub struct IterationForecast {
    /// What an iteration takes.
    pub fitted: Fitted,
    /// Between two iterations, without the planned pause.
    pub gap: Span,
    /// The same, without the waits for a node that some of them contain.
    undisturbed: Span,
    gap_spread: f64,
    pause: Span,
    at: Timestamp,
    remaining: u32,
    from: Cpus,
    resize_cost: Span,
    in_place: Option<Cpus>,
    /// What is left of the iteration that is under way, as a share of one; it is one of those that remain.
    part: Option<f64>,
    stragglers: f64,
    none_straggles: f64,
    hypotheses: Hypotheses,
}

impl IterationForecast {
    /// What `job`'s own history says, and its declaration where there is none.
    pub fn of(policy: &Predictive, job: &Repeated<'_>) -> Self {
        let prior = Prior {
            duration: job.declared.duration,
            cpus: job.submitted,
            serial_share: f64::from(policy.serial_share) / 1e6,
            spread: f64::from(policy.spread) / 1e6,
            deviations: Prior::DECLARED,
        };
        let gaps = job.gaps;
        let gap = middle(gaps, job.gap);
        let whole = gap.seconds().max(1e-6);
        let residuals: Vec<f64> = gaps.iter().map(|one| one.seconds() / whole - 1.0).collect();
        let stragglers = f64::from(policy.stragglers) / 1e6;
        let observed: Vec<Observation> =
            job.history.iterations.as_slice().iter().map(|one| really_had(policy, *one)).collect();
        let hypotheses = hypotheses(&observed, &prior, stragglers);
        let fitted = hypotheses.likeliest();
        let forecast = IterationForecast {
            part: None,
            fitted,
            gap,
            undisturbed: undisturbed(gaps, job.gap),
            gap_spread: deviation(&residuals, GAP_SPREAD.0, GAP_SPREAD.1),
            pause: job.sleeping_time,
            at: job.at,
            remaining: job.remaining,
            from: job.from,
            resize_cost: job.resize_cost,
            in_place: job.in_place,
            stragglers,
            none_straggles: 1.0,
            hypotheses,
        };
        forecast.again(job)
    }

    /// The forecast of `job`, which is the one that this was made of: with the same history, at another instant or with another
    /// CPU in place. What the history says, which is most of the work, is not asked for again.
    pub fn again(&self, job: &Repeated<'_>) -> Self {
        let (part, at) = (part_left(&self.fitted, job), job.at + job.ahead);
        IterationForecast { part, at, in_place: job.in_place, ..self.clone() }.counted()
    }

    /// To be called wherever what is left was changed.
    fn counted(self) -> Self {
        IterationForecast { none_straggles: none_straggles(self.iterations_left(), self.stragglers), ..self }
    }

    fn iterations_left(&self) -> f64 {
        self.part.map_or(f64::from(self.remaining), |part| f64::from(self.remaining) - 1.0 + part)
    }

    /// The same job in the middle of an iteration with `cpus` that began at `since`, as it is at `now`: what can still be chosen is the
    /// CPU of the iterations after it.
    pub fn after_the_present(self, since: Timestamp, cpus: Cpus, now: Timestamp) -> Self {
        let (one, elapsed) = (self.iteration(cpus), now.since(since));
        // One that takes longer than it should takes some time more.
        let still = (one - elapsed).max(Span::from_micros(one.micros() / 30));
        let remaining = self.remaining.saturating_sub(1);
        IterationForecast { at: now + still, remaining, part: None, ..self }.counted()
    }

    /// The same job with one iteration less. With [`IterationForecast::later_by_one`] it is the job after that iteration.
    pub fn one_fewer(self) -> Self {
        IterationForecast { remaining: self.remaining.saturating_sub(1), ..self }.counted()
    }

    /// The same job later, by what one more iteration with `cpus` takes.
    pub fn later_by_one(self, cpus: Cpus) -> Self {
        let at = self.at + self.iteration(cpus) + self.pause + self.gap;
        IterationForecast { at, ..self }
    }

    /// The same job where it has to wait for no node. The waits that were measured are what others have left it before, and not a
    /// property of it.
    pub fn without_waits(self) -> Self {
        IterationForecast { gap: self.gap.min(self.undisturbed), ..self }
    }

    /// The same job when each iteration waits for a node, for this share of an iteration on one CPU.
    pub fn waiting_for_nodes(self, share: f64) -> Self {
        let wait = span(self.fitted.speed.whole() * share);
        IterationForecast { gap: self.gap + wait, ..self }
    }

    /// The same job when it waits for a node once, for this share of an iteration on one CPU.
    pub fn after_a_wait_for_a_node(self, share: f64) -> Self {
        let wait = span(self.fitted.speed.whole() * share);
        IterationForecast { at: self.at + wait, ..self }
    }

    /// The same job when its next iteration has a new task, whatever CPU that has.
    pub fn in_a_new_task(self) -> Self {
        IterationForecast { at: self.at + self.resize_cost, resize_cost: Span::ZERO, ..self }
    }

    /// The same job as it is at `at` at the earliest.
    pub fn starting_from(self, at: Timestamp) -> Self {
        IterationForecast { at: self.at.max(at), ..self }
    }

    /// Iterations whose CPU can still be chosen.
    pub const fn remaining(&self) -> u32 {
        self.remaining
    }

    /// What another CPU costs once: nothing where it is changed in place.
    fn cost(&self, cpus: Cpus) -> Span {
        let for_nothing = cpus == self.from || self.in_place.is_some_and(|most| cpus <= most);
        if for_nothing { Span::ZERO } else { self.resize_cost }
    }

    fn what_is_left(&self) -> Left {
        Left {
            iterations: self.iterations_left(),
            between: (self.gap + self.pause).seconds(),
            between_deviation: self.gap_spread * self.gap.seconds(),
            stragglers: self.stragglers,
            none_straggles: self.none_straggles,
        }
    }

    /// What there is until `by`, but for what the change to `cpus` costs.
    fn seconds_for(&self, cpus: Cpus, by: Timestamp) -> f64 {
        (by.since(self.at) - self.cost(cpus)).seconds()
    }

    /// What one iteration takes with `cpus`.
    pub fn iteration(&self, cpus: Cpus) -> Span {
        span(self.fitted.speed.seconds(cpus.as_f64()))
    }
}

impl Forecast for IterationForecast {
    fn left(&self, cpus: Cpus) -> Span {
        let one = self.iteration(cpus);
        let whole = |count: u32| (one + self.pause + self.gap) * i64::from(count);
        self.cost(cpus)
            + match self.part {
                None => whole(self.remaining),
                Some(part) => span(one.seconds() * part) + whole(self.remaining.saturating_sub(1)),
            }
    }

    fn chance(&self, cpus: Cpus, by: Timestamp) -> f64 {
        let (left, seconds) = (self.what_is_left(), self.seconds_for(cpus, by));
        let weighed =
            |sum: f64, (weight, fitted): &(f64, Fitted)| sum + weight * chance(fitted, &left, cpus.as_f64(), seconds);
        self.hypotheses.iter().fold(0.0, weighed)
    }

    fn less_likely(&self, cpus: Cpus, by: Timestamp, than: f64) -> bool {
        let (left, seconds) = (self.what_is_left(), self.seconds_for(cpus, by));
        self.hypotheses.iter().all(|(_, fitted)| less_likely(fitted, &left, cpus.as_f64(), seconds, than))
    }

    fn at(&self) -> Timestamp {
        self.at
    }
}

/// The forecast of a long-running job.
#[derive(Debug, Clone)]
pub struct RateForecast {
    /// What a CPU-second takes.
    pub fitted: Fitted,
    /// CPU time that is still to be used.
    pub work: Span,
    /// What a restart takes.
    pub downtime: Span,
    unseen: bool,
    restarts: bool,
    at: Timestamp,
    from: Cpus,
}

impl RateForecast {
    /// What `job`'s own samples say; before there are any, that it uses all the CPU that it has.
    pub fn of(policy: &Predictive, job: &LongRunning<'_>) -> Self {
        let prior = Prior {
            duration: Span::from_secs(1),
            cpus: Cpus::from_milli(1000),
            serial_share: f64::from(policy.serial_share) / 1e6,
            spread: f64::from(policy.spread) / 1e6,
            deviations: Prior::KNOWN,
        };
        RateForecast {
            fitted: fit(job.history.rates.as_slice(), &prior),
            work: (job.declared.duration - job.cpu_current).max(Span::ZERO),
            downtime: middle(job.history.downtimes.as_slice(), policy.resize_downtime),
            unseen: job.history.downtimes.is_empty(),
            restarts: job.restarts,
            at: job.at,
            from: job.from,
        }
    }

    /// What `cpus` cost once: a restart, where that is how the job gets another CPU.
    pub fn cost(&self, cpus: Cpus) -> Span {
        if self.restarts && cpus != self.from { self.downtime } else { Span::ZERO }
    }

    /// Time that the work takes with `cpus`, without what a change costs.
    pub fn running(&self, cpus: Cpus) -> Span {
        span(self.work.seconds() * self.fitted.speed.seconds(cpus.as_f64()))
    }

    /// CPU-seconds that are reserved from now to the end with `cpus`.
    pub fn reserved(&self, cpus: Cpus) -> f64 {
        cpus.as_f64() * self.left(cpus).seconds()
    }
}

impl Forecast for RateForecast {
    fn left(&self, cpus: Cpus) -> Span {
        self.cost(cpus) + self.running(cpus)
    }

    fn chance(&self, cpus: Cpus, by: Timestamp) -> f64 {
        if self.work == Span::ZERO {
            return 1.0;
        }
        // The rate of a run is the same for as long as it runs: what is unknown of it does not average out.
        let running = self.running(cpus).seconds();
        let law = self.work.seconds() * self.fitted.uncertainty(cpus.as_f64());
        let unseen = if self.unseen { self.cost(cpus).seconds() * UNSEEN_DOWNTIME } else { 0.0 };
        let scatter = self.fitted.spread * running;
        let deviation = (scatter * scatter + law * law + unseen * unseen).sqrt().max(1e-6);
        normal((by.since(self.at) - self.cost(cpus)).seconds() - running, deviation)
    }

    fn at(&self) -> Timestamp {
        self.at
    }
}

/// With soft limits nobody knows what an iteration really had, between what was reserved for it and all that it may use: the middle.
fn really_had(policy: &Predictive, one: Observation) -> Observation {
    let most = if policy.soft { policy.cpu_max.max(one.cpus) } else { one.cpus };
    Observation { cpus: Cpus::from_milli(one.cpus.milli().midpoint(most.milli())), ..one }
}

/// A straggler is expected to take so many times as long as another iteration; one that takes longer still is taken for nearly done.
const STRAGGLER: f64 = 1.4;

/// The least that is left of an iteration that has not reported its end: of one in time, and of a straggler.
const LEAST_LEFT: (f64, f64) = (0.03, 0.25);

/// What is left of the iteration that is under way, by the time that it has had with each CPU; none between two iterations.
fn part_left(fitted: &Fitted, job: &Repeated<'_>) -> Option<f64> {
    let ends = job.spells.iter().skip(1).map(|next| next.since).chain([job.at]);
    let of_one = |spell: &Spell, end: Timestamp| {
        end.since(spell.since).max(Span::ZERO).seconds() / fitted.speed.seconds(spell.cpus.as_f64()).max(1e-3)
    };
    let done: f64 = job.spells.iter().zip(ends).map(|(spell, end)| of_one(spell, end)).sum();
    let in_time = done < 1.0 + 2.0 * fitted.spread;
    let left = if in_time { (1.0 - done).max(LEAST_LEFT.0) } else { (STRAGGLER - done).max(LEAST_LEFT.1) };
    (!job.spells.is_empty()).then_some(left)
}
