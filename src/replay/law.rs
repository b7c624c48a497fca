//! What a job's work takes with how much CPU, fitted to its own history, and how well that is known.

use serde::Serialize;

use crate::qos::declared::Declared;
use crate::qos::model::{Fitted, Observation, Prior, Speed, fit};
use crate::qos::units::{Cpus, Span};

/// What is believed of the share of the work that more than one CPU does not make faster, and of how much measurements scatter, before
/// there are any. The published factorisations have shares of 0.39 to 0.51; a policy may assume another.
const ITERATIONS_SHARE: (f64, f64) = (0.4, 0.2);
/// Of a long-running job less is believed: published is none.
const RATES_SHARE: (f64, f64) = (0.3, 0.35);
const SPREAD: f64 = 0.1;

/// What a law is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// One iteration.
    Iteration,
    /// One CPU-second of a long-running job.
    CpuSecond,
}

/// A fitted law, for people: `T(a) = serial + parallel / a` seconds with `a >= 1` CPUs, `(serial + parallel) / a` below one.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Law {
    /// What takes this time.
    pub of: Unit,
    /// The part that more than one CPU does not make faster, s.
    pub serial_s: f64,
    /// The part that all CPUs divide, s.
    pub parallel_s: f64,
    /// Standard deviation of the serial part, s.
    pub serial_deviation_s: f64,
    /// Standard deviation of the parallel part, s.
    pub parallel_deviation_s: f64,
    /// How the errors of the two parts go together, from -1 to 1.
    pub correlation: f64,
    /// Relative standard deviation of a single measurement.
    pub spread: f64,
    /// Measurements that support it.
    pub observations: u32,
    /// The least and the most CPU that was measured with; beyond them the law is a guess, and so wide.
    pub measured_between: Option<(f64, f64)>,
}

/// A law that other laws can be drawn from, as likely as the history makes them.
#[derive(Debug, Clone)]
pub(super) struct Known {
    pub(super) fitted: Fitted,
    of: Unit,
    measured_between: Option<(f64, f64)>,
}

impl Known {
    /// What the iterations of a repeated job say.
    pub(super) fn of_iterations(observed: &[Observation], declared: &Declared, submitted: Cpus) -> Known {
        Known::of(Unit::Iteration, observed, declared.duration, submitted, (Prior::DECLARED.0, ITERATIONS_SHARE))
    }

    /// What the samples of a long-running job say.
    pub(super) fn of_rates(observed: &[Observation]) -> Known {
        Known::of(Unit::CpuSecond, observed, Span::from_secs(1), Cpus::from_milli(1000), (Prior::KNOWN.0, RATES_SHARE))
    }

    fn of(of: Unit, observed: &[Observation], duration: Span, cpus: Cpus, belief: (f64, (f64, f64))) -> Known {
        let (off, (serial_share, share_off)) = belief;
        let prior = Prior { duration, cpus, serial_share, spread: SPREAD, deviations: (off, share_off) };
        let seen = || observed.iter().map(|one| one.cpus);
        let measured_between = seen().min().zip(seen().max()).map(|(low, high)| (low.as_f64(), high.as_f64()));
        Known { fitted: fit(observed, &prior), of, measured_between }
    }

    /// The law itself.
    pub(super) fn likeliest(&self) -> Speed {
        self.fitted.speed
    }

    /// Another law, from two standard normal draws.
    pub(super) fn drawn(&self, first: f64, second: f64) -> Speed {
        let covariance = &self.fitted.covariance;
        let serial = covariance.serial.max(0.0).sqrt();
        // Cholesky's factor of the covariance.
        let tied = if serial > 0.0 { covariance.both / serial } else { 0.0 };
        let own = (covariance.parallel - tied * tied).max(0.0).sqrt();
        let Speed { serial: s, parallel: p } = self.fitted.speed;
        let drawn =
            Speed { serial: (s + serial * first).max(0.0), parallel: (p + tied * first + own * second).max(0.0) };
        // Both parts far below what they are thought to be: work takes some time.
        if drawn.whole() > self.fitted.speed.whole() * 0.05 { drawn } else { self.fitted.speed }
    }

    /// By what factor a single measurement differs, from a standard normal draw.
    pub(super) fn scatter(&self, draw: f64) -> f64 {
        libm::exp(self.fitted.spread * draw)
    }

    /// For people.
    pub(super) fn law(&self) -> Law {
        let Fitted { speed, spread, observations, covariance } = self.fitted;
        let (serial, parallel) = (covariance.serial.max(0.0).sqrt(), covariance.parallel.max(0.0).sqrt());
        let both = serial * parallel;
        Law {
            of: self.of,
            serial_s: speed.serial,
            parallel_s: speed.parallel,
            serial_deviation_s: serial,
            parallel_deviation_s: parallel,
            correlation: if both > 0.0 { covariance.both / both } else { 0.0 },
            spread,
            observations,
            measured_between: self.measured_between,
        }
    }
}
