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
    /// What the duration and the serial share each count, against an observation.
    pub weights: (f64, f64),
}

impl Prior {
    /// Weights of a declared duration, which is wrong by a third where an observation is by 5 %, and of an assumed share.
    pub const DECLARED: (f64, f64) = (0.02, 0.1);

    /// Weights where the duration is known from what a CPU is, and the share follows from the observations all the sooner.
    pub const KNOWN: (f64, f64) = (0.2, 0.02);
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
}

/// One row of the least-squares problem: `x . (serial, parallel) = y`.
struct Row {
    x: (f64, f64),
    y: f64,
    weight: f64,
}

/// The law that fits `observed` (oldest first) and what was believed before best.
pub fn fit(observed: &[Observation], prior: &Prior) -> Fitted {
    let usable: Vec<(f64, f64)> = observed
        .iter()
        .map(|one| (one.cpus.as_f64(), one.duration.seconds()))
        .filter(|(cpus, seconds)| *cpus > 0.0 && *seconds > 0.0)
        .collect();
    let mut speed = first_guess(&usable, prior);
    let mut spread = prior.spread;
    for _ in 0..ROUNDS {
        let residuals: Vec<f64> =
            usable.iter().map(|(cpus, seconds)| seconds / positive(speed.seconds(*cpus)) - 1.0).collect();
        spread = deviation(&residuals, prior.spread, SPREAD_WEIGHT);
        speed = solve(&rows(&usable, &residuals, spread, &speed, prior)).unwrap_or(speed);
    }
    Fitted { speed, spread, observations: u32::try_from(usable.len()).unwrap_or(u32::MAX) }
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

fn rows(usable: &[(f64, f64)], residuals: &[f64], spread: f64, speed: &Speed, prior: &Prior) -> Vec<Row> {
    let mut rows = Vec::with_capacity(usable.len() + 2);
    let mut age = 1.0;
    for ((cpus, seconds), residual) in usable.iter().zip(residuals).rev() {
        let near = HUBER * spread;
        let huber = if residual.abs() <= near { 1.0 } else { near / residual.abs() };
        let expected = positive(speed.seconds(*cpus));
        rows.push(Row { x: Speed::factors(*cpus), y: *seconds, weight: age * huber / (expected * expected) });
        age *= DECAY;
    }
    let declared = positive(prior.duration.seconds());
    let x = Speed::factors(prior.cpus.as_f64());
    rows.push(Row { x, y: declared, weight: prior.weights.0 / (declared * declared) });
    let whole = positive(speed.whole());
    let share = (prior.serial_share - 1.0, prior.serial_share);
    rows.push(Row { x: share, y: 0.0, weight: prior.weights.1 / (whole * whole) });
    rows
}

/// The non-negative least-squares solution.
fn solve(rows: &[Row]) -> Option<Speed> {
    let sum = |of: &dyn Fn(&Row) -> f64| rows.iter().fold(0.0, |sum, row| sum + row.weight * of(row));
    let (ss, sp, pp) = (sum(&|r| r.x.0 * r.x.0), sum(&|r| r.x.0 * r.x.1), sum(&|r| r.x.1 * r.x.1));
    let (sy, py) = (sum(&|r| r.x.0 * r.y), sum(&|r| r.x.1 * r.y));
    let determinant = ss * pp - sp * sp;
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

#[cfg(test)]
#[path = "fit_tests.rs"]
mod tests;
