//! When a job ends with how much CPU, and how sure that is. What an arbitration over several jobs asks, too.

use super::Predictive;
use crate::qos::model::{Fitted, Prior, deviation, fit, middle};
use crate::qos::policy::view::{LongRunning, Repeated};
use crate::qos::units::{Cpus, Span, Timestamp};

/// Room for a straggler is full while no more than so many iterations are left, and shrinks beyond: the others can make up for it.
const FEW_ITERATIONS: f64 = 3.0;

/// The relative standard deviation of gaps that is assumed until it is measured; what it counts, in gaps.
const GAP_SPREAD: (f64, f64) = (0.15, 4.0);

/// Of a restart that was never seen, so much more than assumed must fit.
const UNSEEN_DOWNTIME: f64 = 0.5;

/// When a job ends with how much CPU.
pub trait Forecast {
    /// Time from now to the end with `cpus`, without any margin.
    fn left(&self, cpus: Cpus) -> Span;

    /// What one margin is with `cpus`.
    fn margin(&self, cpus: Cpus) -> Span;

    /// The instant that the forecast is made at.
    fn at(&self) -> Timestamp;

    /// When it ends with `cpus`, without any margin.
    fn finish(&self, cpus: Cpus) -> Timestamp {
        self.at() + self.left(cpus)
    }

    /// Whether it ends by `target` with `cpus`, with `margins` (in thousandths) of room.
    fn keeps(&self, cpus: Cpus, target: Timestamp, margins: u32) -> bool {
        self.finish(cpus) + times(self.margin(cpus), margins) <= target
    }
}

fn times(span: Span, thousandths: u32) -> Span {
    Span::from_micros(rounded(span.micros() as f64 * f64::from(thousandths) / 1000.0))
}

fn rounded(micros: f64) -> i64 {
    // `as` holds what is out of range at the nearest bound.
    micros.round() as i64
}

fn span(seconds: f64) -> Span {
    Span::from_micros(rounded(seconds * 1e6))
}

/// The forecast of a repeated job.
#[derive(Debug, Clone)]
pub struct IterationForecast {
    /// What an iteration takes.
    pub fitted: Fitted,
    /// Between two iterations, without the planned pause.
    pub gap: Span,
    gap_spread: f64,
    pause: Span,
    at: Timestamp,
    remaining: u32,
    from: Cpus,
    resize_cost: Span,
    deviations: f64,
    straggler: f64,
}

impl IterationForecast {
    /// What `job`'s own history says, and its declaration where there is none.
    pub fn of(policy: &Predictive, job: &Repeated<'_>) -> Self {
        let prior = Prior {
            duration: job.declared.duration,
            cpus: job.submitted,
            serial_share: f64::from(policy.serial_share) / 1e6,
            spread: f64::from(policy.spread) / 1e6,
            weights: Prior::DECLARED,
        };
        let gaps = job.history.gaps.as_slice();
        let gap = middle(gaps, job.deployment_time);
        let whole = gap.seconds().max(1e-6);
        let residuals: Vec<f64> = gaps.iter().map(|one| one.seconds() / whole - 1.0).collect();
        IterationForecast {
            fitted: fit(job.history.iterations.as_slice(), &prior),
            gap,
            gap_spread: deviation(&residuals, GAP_SPREAD.0, GAP_SPREAD.1),
            pause: job.sleeping_time,
            at: job.at,
            remaining: job.remaining,
            from: job.from,
            resize_cost: job.resize_cost,
            deviations: f64::from(policy.margin) / 1000.0,
            straggler: f64::from(policy.straggler) / 1e6,
        }
    }

    /// What one iteration takes with `cpus`.
    pub fn iteration(&self, cpus: Cpus) -> Span {
        span(self.fitted.speed.seconds(cpus.as_f64()))
    }
}

impl Forecast for IterationForecast {
    fn left(&self, cpus: Cpus) -> Span {
        let cost = if cpus == self.from { Span::ZERO } else { self.resize_cost };
        cost + (self.iteration(cpus) + self.pause + self.gap) * i64::from(self.remaining)
    }

    fn margin(&self, cpus: Cpus) -> Span {
        let iteration = self.fitted.speed.seconds(cpus.as_f64());
        let remaining = f64::from(self.remaining);
        let (one, gap) = (self.fitted.spread * iteration, self.gap_spread * self.gap.seconds());
        let scatter = ((one * one + gap * gap) * remaining).sqrt();
        let straggler = self.straggler * iteration * (FEW_ITERATIONS / remaining.max(1.0)).min(1.0);
        span(self.deviations * scatter + straggler)
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
    deviations: f64,
}

impl RateForecast {
    /// What `job`'s own samples say; before there are any, that it uses all the CPU that it has.
    pub fn of(policy: &Predictive, job: &LongRunning<'_>) -> Self {
        let prior = Prior {
            duration: Span::from_secs(1),
            cpus: Cpus::from_milli(1000),
            serial_share: f64::from(policy.serial_share) / 1e6,
            spread: f64::from(policy.spread) / 1e6,
            weights: Prior::KNOWN,
        };
        RateForecast {
            fitted: fit(job.history.rates.as_slice(), &prior),
            work: (job.declared.duration - job.cpu_current).max(Span::ZERO),
            downtime: middle(job.history.downtimes.as_slice(), policy.resize_downtime),
            unseen: job.history.downtimes.is_empty(),
            restarts: job.restarts,
            at: job.at,
            from: job.from,
            deviations: f64::from(policy.margin) / 1000.0,
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

    fn margin(&self, cpus: Cpus) -> Span {
        // The rate of a run is the same for as long as it runs: what is unknown of it does not average out.
        let scatter = self.deviations * self.fitted.spread * self.running(cpus).seconds();
        let unseen = if self.unseen { self.cost(cpus).seconds() * UNSEEN_DOWNTIME } else { 0.0 };
        span(scatter + unseen)
    }

    fn at(&self) -> Timestamp {
        self.at
    }
}
