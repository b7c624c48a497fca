//! The only place that reads the time. Everything else is handed a [`Clock`] or an instant.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Instant;

use crate::qos::units::{Span, Timestamp};

/// Where the present instant comes from.
pub trait Clock: Send + Sync + 'static {
    /// Wall-clock time, for what is recorded.
    fn now(&self) -> Timestamp;
}

/// The machine's wall clock.
#[derive(Debug, Default, Clone, Copy)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(chrono::Utc::now().timestamp_micros())
    }
}

/// A clock that begins at another one's time and is not set from then on: for the lengths of waits, which a wall clock that is
/// corrected would make longer or shorter.
#[derive(Debug, Clone, Copy)]
pub struct SteadyClock {
    began_at: Timestamp,
    began: Instant,
}

impl SteadyClock {
    /// Begins at what `wall` shows now.
    pub fn begin(wall: &dyn Clock) -> Self {
        SteadyClock { began_at: wall.now(), began: Instant::now() }
    }
}

impl Clock for SteadyClock {
    fn now(&self) -> Timestamp {
        self.began_at + Span::from(self.began.elapsed())
    }
}

/// A clock that stands still until it is moved; for tests.
#[derive(Debug, Clone)]
pub struct ManualClock(Arc<AtomicI64>);

impl ManualClock {
    /// A clock that shows `at`.
    pub fn at(at: Timestamp) -> Self {
        ManualClock(Arc::new(AtomicI64::new(at.micros())))
    }

    /// Moves the clock by `span`; back, when that is negative.
    pub fn advance(&self, span: Span) {
        self.0.fetch_add(span.micros(), Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::SeqCst))
    }
}
