//! Quantities that cannot be mixed up: CPU in thousandths, instants and spans in microseconds.
//!
//! All of them are integers, so that a decision recomputed from the log is the same to the byte.

use std::fmt;
use std::ops::{Add, Mul, Sub};

use serde::{Deserialize, Serialize};

/// An amount of CPU in thousandths of a CPU, the resolution of Mesos.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cpus(u32);

impl Cpus {
    /// The largest amount that is accepted from outside: 100,000 CPUs.
    pub const MAX: Cpus = Cpus(100_000_000);

    /// `milli` thousandths of a CPU.
    pub const fn from_milli(milli: u32) -> Self {
        Cpus(milli)
    }

    /// Rounds `cpus` to three decimals.
    ///
    /// # Errors
    /// When `cpus` is not a finite number from 0 to 100,000.
    pub fn try_from_f64(cpus: f64) -> Result<Self, UnitError> {
        let milli = (cpus * 1000.0).round();
        if !milli.is_finite() || milli < 0.0 || milli > f64::from(Self::MAX.0) {
            return Err(UnitError::Cpus(cpus));
        }
        Ok(Cpus(milli as u32))
    }

    /// Thousandths of a CPU.
    pub const fn milli(self) -> u32 {
        self.0
    }

    /// CPUs as the frameworks write them.
    pub fn as_f64(self) -> f64 {
        f64::from(self.0) / 1000.0
    }

    /// This share of it, in millionths, rounded down to a thousandth of a CPU.
    pub const fn per_million(self, millionths: u32) -> Self {
        // Held at the bound of 32 bits, which no share of one reaches.
        Cpus(((self.0 as u64 * millionths as u64) / 1_000_000) as u32)
    }

    /// The sum, held at [`Cpus::MAX`].
    pub fn saturating_add(self, other: Cpus) -> Cpus {
        Cpus(self.0.saturating_add(other.0)).min(Cpus::MAX)
    }

    /// The difference, held at zero.
    pub fn saturating_sub(self, other: Cpus) -> Cpus {
        Cpus(self.0.saturating_sub(other.0))
    }
}

impl fmt::Display for Cpus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.as_f64())
    }
}

/// An instant: microseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    /// `micros` microseconds since the epoch.
    pub const fn from_micros(micros: i64) -> Self {
        Timestamp(micros)
    }

    /// `seconds` since the epoch, rounded to a microsecond.
    ///
    /// # Errors
    /// When `seconds` is not finite, negative, or so large (above 1e11, year 5138) that it must be milliseconds.
    pub fn try_from_epoch_seconds(seconds: f64) -> Result<Self, UnitError> {
        if !seconds.is_finite() || !(0.0..=1e11).contains(&seconds) {
            return Err(UnitError::Instant(seconds));
        }
        Ok(Timestamp((seconds * 1e6).round() as i64))
    }

    /// Microseconds since the epoch.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// Seconds since the epoch.
    pub fn epoch_seconds(self) -> f64 {
        self.0 as f64 / 1e6
    }

    /// The span from `earlier` to `self`; negative when `earlier` is later.
    pub fn since(self, earlier: Timestamp) -> Span {
        Span(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Span> for Timestamp {
    type Output = Timestamp;
    fn add(self, span: Span) -> Timestamp {
        Timestamp(self.0.saturating_add(span.0))
    }
}

impl Sub<Span> for Timestamp {
    type Output = Timestamp;
    fn sub(self, span: Span) -> Timestamp {
        Timestamp(self.0.saturating_sub(span.0))
    }
}

/// A length of time in microseconds; may be negative (a missed deadline's margin is).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Span(i64);

impl Span {
    /// No time at all.
    pub const ZERO: Span = Span(0);

    /// `micros` microseconds.
    pub const fn from_micros(micros: i64) -> Self {
        Span(micros)
    }

    /// `seconds` whole seconds.
    pub const fn from_secs(seconds: i64) -> Self {
        Span(seconds.saturating_mul(1_000_000))
    }

    /// `seconds`, rounded to a microsecond.
    ///
    /// # Errors
    /// When `seconds` is not finite or beyond 1e11 in either direction.
    pub fn try_from_seconds(seconds: f64) -> Result<Self, UnitError> {
        if !seconds.is_finite() || seconds.abs() > 1e11 {
            return Err(UnitError::Span(seconds));
        }
        Ok(Span((seconds * 1e6).round() as i64))
    }

    /// Microseconds.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// Seconds.
    pub fn seconds(self) -> f64 {
        self.0 as f64 / 1e6
    }

    /// This share of the span, in millionths of it, rounded towards zero.
    pub fn per_million(self, millionths: u32) -> Span {
        let part = i128::from(self.0) * i128::from(millionths) / 1_000_000;
        Span(i64::try_from(part).unwrap_or(i64::MAX))
    }

    /// The standard library's duration; a negative span is zero.
    pub fn to_std(self) -> std::time::Duration {
        std::time::Duration::from_micros(u64::try_from(self.0).unwrap_or(0))
    }
}

impl From<std::time::Duration> for Span {
    fn from(duration: std::time::Duration) -> Self {
        Span(i64::try_from(duration.as_micros()).unwrap_or(i64::MAX))
    }
}

impl Add for Span {
    type Output = Span;
    fn add(self, other: Span) -> Span {
        Span(self.0.saturating_add(other.0))
    }
}

impl Sub for Span {
    type Output = Span;
    fn sub(self, other: Span) -> Span {
        Span(self.0.saturating_sub(other.0))
    }
}

impl Mul<i64> for Span {
    type Output = Span;
    fn mul(self, times: i64) -> Span {
        Span(self.0.saturating_mul(times))
    }
}

/// A number from outside that no quantity of this module can hold.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum UnitError {
    /// Not an amount of CPU.
    #[error("{0} is not an amount of CPU: a number from 0 to 100000 is")]
    Cpus(f64),
    /// Not an instant.
    #[error("{0} is not an instant in seconds since 1970 (milliseconds must be divided by 1000)")]
    Instant(f64),
    /// Not a span of time.
    #[error("{0} is not a length of time in seconds")]
    Span(f64),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpus_round_to_the_resolution_of_mesos() {
        assert_eq!(Cpus::try_from_f64(0.199_999_999_9).map(Cpus::milli), Ok(200));
        assert_eq!(Cpus::try_from_f64(1.0004).map(|c| c.to_string()), Ok("1".into()));
        assert!(Cpus::try_from_f64(f64::NAN).is_err());
        assert!(Cpus::try_from_f64(-0.1).is_err());
    }

    #[test]
    fn milliseconds_are_not_taken_for_seconds() {
        assert!(Timestamp::try_from_epoch_seconds(1.7e12).is_err());
        assert_eq!(Timestamp::try_from_epoch_seconds(1.5).map(Timestamp::micros), Ok(1_500_000));
    }
}
