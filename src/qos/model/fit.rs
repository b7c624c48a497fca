//! The law behind a job's own measurements: weighted least squares of relative residuals, robust against stragglers.

use super::history::Observation;
use super::robust::{deviation, median};
use super::speed::Speed;
use crate::qos::units::{Cpus, Span};

/// Each older observation counts so much of the next one: work changes slowly.
const DECAY: f64 = 0.97;

/// Residuals beyond this many standard deviations count less and less (Huber's estimator).
const HUBER: f64 = 1.5;

/// Rounds of reweighting; the weights have settled well before.
const ROUNDS: usize = 6;

/// A straggler takes so many times as long as it should, before anything else is known.
const STRAGGLER: f64 = 1.4;

/// With more observations than this, a straggler among them stands out and counts little anyway.
const FEW: usize = 4;

/// So many residuals the assumed spread counts.
const SPREAD_WEIGHT: f64 = 4.0;

/// What is believed before anything was measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Prior {
    /// How long it takes, as declared.
    pub duration: Span,
    /// With this much CPU.
    pub cpus: Cpus,
    /// The serial share, from 0 to 1.
    pub serial_share: f64,
    /// The relative standard deviation of a measurement.
    pub spread: f64,
    /// Standard deviations by which the duration, relatively, and the serial share may be wrong.
    pub deviations: (f64, f64),
}

impl Prior {
    /// Of a declared duration (the published ones are wrong by 13 to 20 %), and of an assumed share.
    pub const DECLARED: (f64, f64) = (0.25, 0.15);

    /// Where the duration is known from what a CPU is, and the share follows from the observations all the sooner.
    pub const KNOWN: (f64, f64) = (0.11, 0.35);
}

/// A law and how well it fits.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fitted {
    /// The law.
    pub speed: Speed,
    /// Relative standard deviation of a measurement.
    pub spread: f64,
    /// How many observations support it.
    pub observations: u32,
    /// How uncertain the two parts of the law are.
    pub covariance: Covariance,
}

/// Variances and covariance of the serial and the parallel part of a law, in square seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Covariance {
    /// Of the serial part.
    pub serial: f64,
    /// Of the parallel part.
    pub parallel: f64,
    /// Of both together.
    pub both: f64,
}

impl Fitted {
    /// The standard deviation of the law's own value at `cpus`, in seconds: how wrong the fit may be, apart from how much single
    /// measurements scatter.
    pub fn uncertainty(&self, cpus: f64) -> f64 {
        let (serial, parallel) = Speed::factors(cpus);
        let Covariance { serial: ss, parallel: pp, both: sp } = self.covariance;
        let variance = serial * serial * ss + parallel * parallel * pp + 2.0 * serial * parallel * sp;
        variance.max(0.0).sqrt()
    }
}

/// One row of the least-squares problem: `x . (serial, parallel) = y`.
struct Row {
    x: (f64, f64),
    y: f64,
    weight: f64,
}

/// What may be the law, each with its probability. One or two: they are copied with every forecast.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hypotheses {
    plain: (f64, Fitted),
    other: Option<(f64, Fitted)>,
}

impl Hypotheses {
    /// Each with its probability.
    pub fn iter(&self) -> impl Iterator<Item = &(f64, Fitted)> {
        std::iter::once(&self.plain).chain(&self.other)
    }

    /// The likelier one.
    pub fn likeliest(&self) -> Fitted {
        let (weight, plain) = self.plain;
        self.other.filter(|(other, _)| *other >= weight).map_or(plain, |(_, other)| other)
    }
}

/// What may be the law. While there are few observations, the slowest of them may have been a straggler: nothing else would tell it from a
/// job that is as slow as that.
pub fn hypotheses(observed: &[Observation], prior: &Prior, stragglers: f64) -> Hypotheses {
    let usable = usable(observed);
    let plain = fit_usable(&usable, prior);
    let ratio = |(cpus, seconds): &(f64, f64)| seconds / positive(plain.speed.seconds(*cpus));
    let slowest = (0..usable.len()).max_by(|a, b| ratio(&usable[*a]).total_cmp(&ratio(&usable[*b])));
    let Some(slowest) = slowest.filter(|_| usable.len() <= FEW && stragglers > 0.0) else {
        return Hypotheses { plain: (1.0, plain), other: None };
    };
    let mut without = usable.clone();
    without[slowest].1 /= STRAGGLER;
    let other = fit_usable(&without, prior);
    let odds = libm::exp(evidence(&without, &other, prior) - evidence(&usable, &plain, prior));
    let odds = (odds * stragglers * usable.len() as f64).min(1e9);
    Hypotheses { plain: (1.0 / (1.0 + odds), plain), other: Some((odds / (1.0 + odds), other)) }
}

/// The logarithm of how well a law explains the observations and the declaration, up to a constant.
fn evidence(usable: &[(f64, f64)], fitted: &Fitted, prior: &Prior) -> f64 {
    let declared = fitted.speed.seconds(prior.cpus.as_f64()) / positive(prior.duration.seconds()) - 1.0;
    let square = |residual: f64, deviation: f64| residual * residual / (deviation * deviation);
    let residual = |(cpus, seconds): &(f64, f64)| seconds / positive(fitted.speed.seconds(*cpus)) - 1.0;
    let measured = usable.iter().fold(0.0, |sum, one| sum + square(residual(one), prior.spread));
    -0.5 * (square(declared, prior.deviations.0) + measured)
}

/// The law that fits `observed` (oldest first) and what was believed before best.
pub fn fit(observed: &[Observation], prior: &Prior) -> Fitted {
    fit_usable(&usable(observed), prior)
}

/// CPUs and seconds of each observation that a law can be fitted to.
fn usable(observed: &[Observation]) -> Vec<(f64, f64)> {
    let numbers = |one: &Observation| (one.cpus.as_f64(), one.duration.seconds());
    observed.iter().map(numbers).filter(|(cpus, seconds)| *cpus > 0.0 && *seconds > 0.0).collect()
}

fn fit_usable(usable: &[(f64, f64)], prior: &Prior) -> Fitted {
    let mut speed = first_guess(usable, prior);
    let mut spread = prior.spread;
    let mut normal = Normal::default();
    for _ in 0..ROUNDS {
        let residuals: Vec<f64> =
            usable.iter().map(|(cpus, seconds)| seconds / positive(speed.seconds(*cpus)) - 1.0).collect();
        // One or two measurements fit a law of two parts whatever they are: they say nothing about how much measurements scatter.
        let scattered = if residuals.len() < 3 { &[] } else { residuals.as_slice() };
        spread = deviation(scattered, prior.spread, SPREAD_WEIGHT);
        normal = Normal::of(&rows(usable, &residuals, spread, &speed, prior));
        speed = normal.solve().unwrap_or(speed);
    }
    let observations = u32::try_from(usable.len()).unwrap_or(u32::MAX);
    Fitted { speed, spread, observations, covariance: normal.covariance() }
}

fn positive(value: f64) -> f64 {
    value.max(1e-9)
}

/// The middle of what each observation says alone. While there are few, the declaration has a say.
fn first_guess(usable: &[(f64, f64)], prior: &Prior) -> Speed {
    let unit = Speed::of_share(1.0, prior.serial_share);
    let whole = |cpus: f64, seconds: f64| seconds / positive(unit.seconds(cpus));
    let mut wholes: Vec<f64> = usable.iter().map(|(cpus, seconds)| whole(*cpus, *seconds)).collect();
    if wholes.len() < 3 {
        wholes.push(whole(prior.cpus.as_f64(), prior.duration.seconds()));
    }
    Speed::of_share(median(&wholes), prior.serial_share)
}

/// The rows, weighted by the inverse of their variance.
fn rows(usable: &[(f64, f64)], residuals: &[f64], spread: f64, speed: &Speed, prior: &Prior) -> Vec<Row> {
    let mut rows = Vec::with_capacity(usable.len() + 2);
    let mut age = 1.0;
    for ((cpus, seconds), residual) in usable.iter().zip(residuals).rev() {
        let near = HUBER * spread;
        let huber = if residual.abs() <= near { 1.0 } else { near / residual.abs() };
        let expected = positive(speed.seconds(*cpus)) * spread;
        rows.push(Row { x: Speed::factors(*cpus), y: *seconds, weight: age * huber / (expected * expected) });
        age *= DECAY;
    }
    let declared = positive(prior.duration.seconds());
    let off = declared * prior.deviations.0;
    rows.push(Row { x: Speed::factors(prior.cpus.as_f64()), y: declared, weight: 1.0 / (off * off) });
    let share = (prior.serial_share - 1.0, prior.serial_share);
    let off = positive(speed.whole()) * prior.deviations.1;
    rows.push(Row { x: share, y: 0.0, weight: 1.0 / (off * off) });
    rows
}

/// The normal equations of a least-squares problem with two unknowns.
#[derive(Debug, Clone, Copy, Default)]
struct Normal {
    ss: f64,
    sp: f64,
    pp: f64,
    sy: f64,
    py: f64,
}

impl Normal {
    fn of(rows: &[Row]) -> Self {
        rows.iter().fold(Normal::default(), |sum, row| {
            let ((s, p), weight) = (row.x, row.weight);
            Normal {
                ss: sum.ss + weight * s * s,
                sp: sum.sp + weight * s * p,
                pp: sum.pp + weight * p * p,
                sy: sum.sy + weight * s * row.y,
                py: sum.py + weight * p * row.y,
            }
        })
    }

    fn determinant(&self) -> f64 {
        self.ss * self.pp - self.sp * self.sp
    }

    /// The non-negative solution.
    fn solve(&self) -> Option<Speed> {
        let Normal { ss, sp, pp, sy, py } = *self;
        let determinant = self.determinant();
        let both = Speed { serial: (sy * pp - py * sp) / determinant, parallel: (py * ss - sy * sp) / determinant };
        let solution = if both.parallel < 0.0 {
            Speed { serial: sy / ss, parallel: 0.0 }
        } else if both.serial < 0.0 {
            Speed { serial: 0.0, parallel: py / pp }
        } else {
            both
        };
        let sound = |part: f64| part.is_finite() && part >= 0.0;
        (sound(solution.serial) && sound(solution.parallel) && solution.whole() > 0.0).then_some(solution)
    }

    /// The inverse of the matrix: with rows weighted by the inverse of their variance, the covariance of the solution.
    fn covariance(&self) -> Covariance {
        let determinant = self.determinant();
        let part = |value: f64| if determinant > 0.0 { value / determinant } else { 0.0 };
        Covariance { serial: part(self.pp), parallel: part(self.ss), both: part(-self.sp) }
    }
}

#[cfg(test)]
#[path = "fit_tests.rs"]
mod tests;
