//! How a framework does.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::qos::units::Timestamp;

/// Counters and the latest failure, for `/readyz` and `/metrics`.
#[derive(Debug)]
pub struct FrameworkStatus {
    name: &'static str,
    unreachable: AtomicBool,
    unreachable_since: AtomicI64,
    errors: AtomicU64,
    starts: AtomicU64,
    resizes: AtomicU64,
    last_error: Mutex<Option<String>>,
}

impl FrameworkStatus {
    /// Of the framework of this name, of which nothing is known yet.
    pub(in crate::actors) fn of(name: &'static str) -> Self {
        FrameworkStatus {
            name,
            unreachable: AtomicBool::new(false),
            unreachable_since: AtomicI64::new(0),
            errors: AtomicU64::new(0),
            starts: AtomicU64::new(0),
            resizes: AtomicU64::new(0),
            last_error: Mutex::new(None),
        }
    }

    /// The framework's name, for people.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// A call worked. True when the one before had not.
    pub(in crate::actors) fn worked(&self) -> bool {
        self.unreachable.swap(false, Ordering::Relaxed)
    }

    /// A call failed at `now`. True when the one before had worked.
    pub(in crate::actors) fn failed(&self, error: &str, now: Timestamp) -> bool {
        self.errors.fetch_add(1, Ordering::Relaxed);
        *self.last_error.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.to_owned());
        let first = !self.unreachable.swap(true, Ordering::Relaxed);
        if first {
            self.unreachable_since.store(now.micros(), Ordering::Relaxed);
        }
        first
    }

    /// A call was answered with a refusal.
    pub(in crate::actors) fn refused(&self) {
        self.errors.fetch_add(1, Ordering::Relaxed);
    }

    pub(in crate::actors) fn start_asked_for(&self) {
        self.starts.fetch_add(1, Ordering::Relaxed);
    }

    pub(in crate::actors) fn resized(&self) {
        self.resizes.fetch_add(1, Ordering::Relaxed);
    }

    /// Since when no call has worked; `None` while calls work.
    pub fn unreachable_since(&self) -> Option<Timestamp> {
        let unreachable = self.unreachable.load(Ordering::Relaxed);
        unreachable.then(|| Timestamp::from_micros(self.unreachable_since.load(Ordering::Relaxed)))
    }

    /// What the last failed call said.
    pub fn last_error(&self) -> Option<String> {
        self.last_error.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Calls that failed.
    pub fn errors(&self) -> u64 {
        self.errors.load(Ordering::Relaxed)
    }

    /// Starts that were asked for.
    pub fn starts(&self) -> u64 {
        self.starts.load(Ordering::Relaxed)
    }

    /// Resizes that the framework has taken.
    pub fn resizes(&self) -> u64 {
        self.resizes.load(Ordering::Relaxed)
    }
}
