//! How the sending of metrics does.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::actors::performer::FrameworkStatus;
use crate::events::envelope::Seq;
use crate::qos::units::{Span, Timestamp};

/// No metric waits.
const NONE: i64 = i64::MIN;

/// Figures for `/readyz` and `/metrics`.
#[derive(Debug)]
pub struct MetricsStatus {
    monasca: FrameworkStatus,
    acknowledged: AtomicI64,
    oldest: AtomicI64,
    sent: AtomicU64,
    requests: AtomicU64,
    rejected: AtomicU64,
    too_old: AtomicU64,
    last_rejection: Mutex<Option<String>>,
}

impl Default for MetricsStatus {
    fn default() -> Self {
        MetricsStatus {
            monasca: FrameworkStatus::of("Monasca"),
            acknowledged: AtomicI64::new(0),
            oldest: AtomicI64::new(NONE),
            sent: AtomicU64::new(0),
            requests: AtomicU64::new(0),
            rejected: AtomicU64::new(0),
            too_old: AtomicU64::new(0),
            last_rejection: Mutex::default(),
        }
    }
}

impl MetricsStatus {
    /// Whether Monasca answers.
    pub fn monasca(&self) -> &FrameworkStatus {
        &self.monasca
    }

    /// Events whose metrics are not acknowledged, when the log ends at `head`.
    pub fn lag_events(&self, head: Seq) -> u64 {
        u64::try_from(head.0 - self.acknowledged.load(Ordering::Relaxed)).unwrap_or(0)
    }

    /// How long the oldest metric waits, at `now`; zero when none does.
    pub fn lag(&self, now: Timestamp) -> Span {
        match self.oldest.load(Ordering::Relaxed) {
            NONE => Span::ZERO,
            oldest => now.since(Timestamp::from_micros(oldest)).max(Span::ZERO),
        }
    }

    /// Metrics acknowledged; those that were sent twice count twice.
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Requests with metrics.
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// Metrics that Monasca refused each by itself; they are not sent again.
    pub fn rejected(&self) -> u64 {
        self.rejected.load(Ordering::Relaxed)
    }

    /// Metrics that were too old to be sent.
    pub fn too_old(&self) -> u64 {
        self.too_old.load(Ordering::Relaxed)
    }

    /// Which metric was refused last, and why.
    pub fn last_rejection(&self) -> Option<String> {
        self.last_rejection.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn set_acknowledged(&self, upto: Seq) {
        self.acknowledged.store(upto.0, Ordering::Relaxed);
    }

    /// The oldest metric that waits, by its event's instant.
    pub(super) fn set_oldest(&self, oldest: Option<Timestamp>) {
        self.oldest.store(oldest.map_or(NONE, Timestamp::micros), Ordering::Relaxed);
    }

    pub(super) fn note_sent(&self, metrics: usize) {
        self.sent.fetch_add(metrics as u64, Ordering::Relaxed);
    }

    pub(super) fn note_request(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn note_too_old(&self, metrics: usize) {
        self.too_old.fetch_add(metrics as u64, Ordering::Relaxed);
    }

    pub(super) fn note_rejected(&self, what: String) {
        self.rejected.fetch_add(1, Ordering::Relaxed);
        *self.last_rejection.lock().unwrap_or_else(PoisonError::into_inner) = Some(what);
    }
}
