//! What the user declares about a job, checked once.

use serde::{Deserialize, Serialize};

use super::units::{Span, UnitError};

/// The declared quality of service of one job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Declared {
    /// Chronos: wall time of one iteration at the submitted CPU. Marathon: CPU time of the whole execution.
    pub duration: Span,
    /// Chronos: interval in which all iterations finish. Marathon: longest wall time of one execution.
    pub deadline: Span,
    /// `desv_deadline` in millionths: how far ahead of the deadline counts as too fast.
    pub deviation_ppm: u32,
}

/// A declaration that cannot be kept to; each names its field.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum DeclarationError {
    /// Not a positive, finite number of seconds.
    #[error("{field}: {value} is not a positive number of seconds")]
    NotPositive {
        /// The field as the user wrote it.
        field: &'static str,
        /// What was given.
        value: f64,
    },
    /// Outside the range of a fraction.
    #[error("desv_deadline: {0} is not a fraction: 0 <= desv_deadline < 1")]
    Deviation(f64),
    /// Too large to be a span of time.
    #[error("{field}: {source}")]
    Unit {
        /// The field as the user wrote it.
        field: &'static str,
        /// Why.
        source: UnitError,
    },
}

impl Declared {
    /// Checks the three numbers: `duration` and `deadline` in seconds, `deviation` a fraction.
    ///
    /// # Errors
    /// Names the first field that is not finite, not positive or out of range.
    pub fn new(duration: f64, deadline: f64, deviation: f64) -> Result<Self, DeclarationError> {
        if !(0.0..1.0).contains(&deviation) {
            return Err(DeclarationError::Deviation(deviation));
        }
        Ok(Declared {
            duration: positive("job_duration", duration)?,
            deadline: positive("deadline", deadline)?,
            // Rounding could reach a whole million; the fraction is below one.
            deviation_ppm: ((deviation * 1e6).round() as u32).min(999_999),
        })
    }

    /// `desv_deadline` as a fraction.
    pub fn deviation(&self) -> f64 {
        f64::from(self.deviation_ppm) / 1e6
    }
}

fn positive(field: &'static str, value: f64) -> Result<Span, DeclarationError> {
    if value.is_nan() || value <= 0.0 {
        return Err(DeclarationError::NotPositive { field, value });
    }
    let span = Span::try_from_seconds(value).map_err(|source| DeclarationError::Unit { field, source })?;
    if span == Span::ZERO { Err(DeclarationError::NotPositive { field, value }) } else { Ok(span) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_what_is_not_a_duration() {
        for bad in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e-9] {
            assert!(Declared::new(bad, 100.0, 0.2).is_err(), "{bad}");
            assert!(Declared::new(100.0, bad, 0.2).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_deviation_is_a_fraction_below_one() {
        for bad in [-0.1, 1.0, 5.0, f64::NAN] {
            assert!(Declared::new(1.0, 1.0, bad).is_err(), "{bad}");
        }
        assert_eq!(Declared::new(1.0, 1.0, 0.999_999_9).map(|d| d.deviation_ppm), Ok(999_999));
    }
}
