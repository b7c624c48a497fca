//! One shared look at what all jobs are doing, taken only while somebody waits for it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, watch};

use crate::actors::performer::{FrameworkStatus, backoff};
use crate::clients::chronos::{ChronosClient, JobActivity};
use crate::clock::Clock;

/// What all jobs were doing at one moment.
pub struct Snapshot {
    /// The look began here; nothing in it is older.
    began: Instant,
    /// By job name.
    pub jobs: BTreeMap<String, JobActivity>,
}

/// Gives looks to whoever waits; cheap to clone.
#[derive(Clone)]
pub struct Poll {
    latest: watch::Receiver<Option<Arc<Snapshot>>>,
    waiting: Arc<AtomicUsize>,
    wanted: Arc<Notify>,
}

/// Counts somebody who waits, for as long as it lives.
struct Waiter(Arc<AtomicUsize>);

impl Drop for Waiter {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Poll {
    /// Starts to look every `interval`, for as long as the poll or a clone of it lives.
    pub fn start(
        client: Arc<ChronosClient>,
        status: Arc<FrameworkStatus>,
        clock: Arc<dyn Clock>,
        interval: Duration,
    ) -> Self {
        let (send, latest) = watch::channel(None);
        let poll = Poll { latest, waiting: Arc::default(), wanted: Arc::default() };
        let (waiting, wanted) = (Arc::clone(&poll.waiting), Arc::clone(&poll.wanted));
        actix::spawn(async move {
            let mut pauses = backoff();
            loop {
                if waiting.load(Ordering::SeqCst) == 0 {
                    tokio::select! {
                        () = wanted.notified() => {}
                        () = send.closed() => return,
                    }
                }
                let began = Instant::now();
                match client.summary().await {
                    Ok(jobs) => {
                        if status.worked() {
                            tracing::info!("Chronos answers again");
                        }
                        pauses = backoff();
                        if send.send(Some(Arc::new(Snapshot { began, jobs }))).is_err() {
                            return;
                        }
                        tokio::time::sleep(interval.saturating_sub(began.elapsed())).await;
                    }
                    Err(error) => {
                        if status.failed(&error.to_string(), clock.now()) {
                            tracing::warn!(%error, "Chronos does not answer; waiting for it");
                        }
                        tokio::time::sleep(pauses.next().unwrap_or(interval)).await;
                    }
                }
            }
        });
        poll
    }

    /// The next look that begins after this call. Waits for as long as Chronos does not answer.
    pub async fn next(&self) -> Arc<Snapshot> {
        let asked = Instant::now();
        self.waiting.fetch_add(1, Ordering::SeqCst);
        let _waiter = Waiter(Arc::clone(&self.waiting));
        self.wanted.notify_one();
        let mut latest = self.latest.clone();
        loop {
            if latest.changed().await.is_err() {
                // The poller lives as long as the runtime; without it nothing will ever come.
                std::future::pending::<()>().await;
            }
            let snapshot = latest.borrow_and_update().clone();
            if let Some(snapshot) = snapshot.filter(|snapshot| snapshot.began >= asked) {
                return snapshot;
            }
        }
    }
}
