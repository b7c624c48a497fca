//! What the writer tells about itself, readable at any time without waiting for it.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use tokio::sync::watch;

use crate::events::chain::Head;

/// Upper bounds of the commit latency's buckets in microseconds; slower commits are counted in one more bucket.
pub const COMMIT_BUCKETS_MICROS: [u64; 12] =
    [100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 1_000_000];

/// Figures of the event log at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogStats {
    /// Messages that wait for the writer.
    pub queue_depth: usize,
    /// Messages that may wait; one more is refused.
    pub queue_capacity: usize,
    /// Messages refused because the queue was full.
    pub overloaded: u64,
    /// Events committed since the start.
    pub events: u64,
    /// Transactions committed since the start.
    pub commits: u64,
    /// Transactions rolled back because the disk was full or did not work.
    pub failed_commits: u64,
    /// Time spent in COMMIT, all together, in microseconds.
    pub commit_micros: u64,
    /// How many commits took up to [`COMMIT_BUCKETS_MICROS`] each (not cumulative), and in the last place longer.
    pub commit_buckets: [u64; COMMIT_BUCKETS_MICROS.len() + 1],
    /// Bytes of the database and its write-ahead log.
    pub log_bytes: u64,
    /// The end of the log: the last committed event.
    pub head: Head,
}

/// Whether the log can be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    /// The last transaction was committed.
    Good,
    /// The last transaction failed for this reason; [`super::EventLog::probe`] finds out whether that is over.
    Failing(String),
}

/// What writer and handles share.
#[derive(Debug)]
pub(super) struct Meter {
    pub(super) overloaded: AtomicU64,
    events: AtomicU64,
    commits: AtomicU64,
    failed_commits: AtomicU64,
    commit_micros: AtomicU64,
    commit_buckets: [AtomicU64; COMMIT_BUCKETS_MICROS.len() + 1],
    head: watch::Sender<Head>,
    health: Mutex<Health>,
    /// Set once nothing more is to be accepted.
    pub(super) closing: AtomicBool,
}

impl Meter {
    pub(super) fn new(head: Head) -> Self {
        Meter {
            overloaded: AtomicU64::new(0),
            events: AtomicU64::new(0),
            commits: AtomicU64::new(0),
            failed_commits: AtomicU64::new(0),
            commit_micros: AtomicU64::new(0),
            commit_buckets: Default::default(),
            head: watch::Sender::new(head),
            health: Mutex::new(Health::Good),
            closing: AtomicBool::new(false),
        }
    }

    /// A transaction with `events` events was committed in `took`.
    pub(super) fn committed(&self, events: usize, head: Head, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let bucket = COMMIT_BUCKETS_MICROS.partition_point(|bound| *bound < micros);
        self.events.fetch_add(events as u64, Relaxed);
        self.commits.fetch_add(1, Relaxed);
        self.commit_micros.fetch_add(micros, Relaxed);
        self.commit_buckets[bucket].fetch_add(1, Relaxed);
        self.set_health(Health::Good);
        self.head.send_replace(head);
    }

    /// A transaction was rolled back.
    pub(super) fn failed(&self, why: &str) {
        self.failed_commits.fetch_add(1, Relaxed);
        self.set_health(Health::Failing(why.to_owned()));
    }

    pub(super) fn health(&self) -> Health {
        self.health.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }

    fn set_health(&self, health: Health) {
        *self.health.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = health;
    }

    pub(super) fn watch_head(&self) -> watch::Receiver<Head> {
        self.head.subscribe()
    }

    pub(super) fn stats(&self, queue_depth: usize, queue_capacity: usize, log_bytes: u64) -> LogStats {
        LogStats {
            queue_depth,
            queue_capacity,
            overloaded: self.overloaded.load(Relaxed),
            events: self.events.load(Relaxed),
            commits: self.commits.load(Relaxed),
            failed_commits: self.failed_commits.load(Relaxed),
            commit_micros: self.commit_micros.load(Relaxed),
            commit_buckets: std::array::from_fn(|i| self.commit_buckets[i].load(Relaxed)),
            log_bytes,
            head: *self.head.borrow(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_falls_into_the_bucket_whose_bound_it_reaches() {
        let meter = Meter::new(Head::EMPTY);
        for micros in [0, 100, 101, 2_000_000] {
            meter.committed(1, Head::EMPTY, Duration::from_micros(micros));
        }
        let stats = meter.stats(0, 1, 0);
        assert_eq!((stats.commit_buckets[0], stats.commit_buckets[1], stats.commit_buckets[12]), (2, 1, 1));
        assert_eq!((stats.commits, stats.events, stats.commit_micros), (4, 4, 2_000_201));
    }

    #[test]
    fn a_commit_that_works_makes_the_log_healthy_again() {
        let meter = Meter::new(Head::EMPTY);
        meter.failed("disk full");
        assert_eq!(meter.health(), Health::Failing("disk full".into()));
        meter.committed(1, Head::EMPTY, Duration::ZERO);
        assert_eq!(meter.health(), Health::Good);
    }
}
