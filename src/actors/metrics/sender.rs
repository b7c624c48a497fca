//! Fills batches from the log and sends them.

use std::cell::Cell;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::pace::Pace;
use super::points::{instant, metric};
use super::proof::Proof;
use super::split::{Unsent, Wanted, send_all};
use super::window::Window;
use super::{MetricsPlan, MetricsStatus};
use crate::actors::follow::Follower;
use crate::actors::performer::{LONGEST_PAUSE, backoff};
use crate::clock::Clock;
use crate::events::envelope::Seq;
use crate::events::store::{Append, EventLog};
use crate::openstack::measurements::{Measured, Point};
use crate::openstack::{Metric, Monasca};
use crate::qos::units::Timestamp;

/// The name under which the log keeps how far the sending has come.
const CURSOR: &str = "monasca";

/// Between two writes of it. A crash between them repeats what is in between, which overwrites itself.
const CURSOR_EVERY: Duration = Duration::from_secs(1);

/// Appends of this time are read together.
const GATHER: Duration = Duration::from_millis(100);

/// The longest nap without a look at the log.
const LONGEST_NAP: Duration = Duration::from_secs(5);

pub(super) struct Sender {
    monasca: Monasca,
    plan: MetricsPlan,
    log: EventLog,
    clock: Arc<dyn Clock>,
    status: Arc<MetricsStatus>,
    stop: CancellationToken,
    follower: Follower<Measured>,
    window: Window,
    pace: Pace,
    /// Read and not acknowledged; at most a page of the log and a batch.
    queue: VecDeque<(Seq, Point)>,
    proof: Proof,
    /// When the first of them was read.
    waiting_since: Option<Instant>,
    /// The last event that was read.
    read: Seq,
    /// What is noted on disk, and when that was done.
    noted: (Seq, Instant),
}

impl Sender {
    pub fn new(
        monasca: Monasca,
        plan: MetricsPlan,
        log: EventLog,
        clock: Arc<dyn Clock>,
        status: Arc<MetricsStatus>,
        stop: CancellationToken,
    ) -> Self {
        Sender {
            monasca,
            plan,
            follower: Follower::new(log.clone()),
            window: Window::new(Seq::START, plan.overlap),
            pace: Pace::new(plan.requests_per_second),
            queue: VecDeque::new(),
            proof: Proof::default(),
            waiting_since: None,
            read: Seq::START,
            noted: (Seq::START, Instant::now()),
            log,
            clock,
            status,
            stop,
        }
    }

    pub async fn run(mut self) {
        let stop = self.stop.clone();
        // What is under way when the stop comes is repeated after the next start.
        stop.run_until_cancelled(self.work()).await;
        self.note(Instant::now()).await;
    }

    async fn work(&mut self) {
        let mut pauses = backoff();
        let from = loop {
            match self.log.cursor(CURSOR).await {
                Ok(cursor) => break cursor.unwrap_or(Seq::START),
                Err(error) => tracing::warn!(%error, "where the sending of metrics left off cannot be read"),
            }
            sleep(pauses.next().unwrap_or(LONGEST_PAUSE)).await;
        };
        tracing::info!(after = from.0, "sending metrics to Monasca");
        self.window = Window::new(from, self.plan.overlap);
        self.read = from;
        self.noted.0 = from;
        self.status.set_acknowledged(from);
        let mut pauses = backoff();
        loop {
            match self.step().await {
                Ok(()) => pauses = backoff(),
                Err(failure) => {
                    self.failed(&failure);
                    sleep(pauses.next().unwrap_or(LONGEST_PAUSE)).await;
                }
            }
        }
    }

    /// Reads, waits for company, sends one batch.
    async fn step(&mut self) -> Result<(), Failure> {
        self.fill().await?;
        let now = Instant::now();
        let Some(since) = self.waiting_since else {
            self.status.set_acknowledged(self.read);
            self.note_sometimes(now).await;
            let unnoted = self.window.settled() != self.noted.0;
            let due = if unnoted { self.noted.1 + CURSOR_EVERY } else { now + LONGEST_NAP };
            self.nap(due.saturating_duration_since(now).max(Duration::from_millis(50))).await;
            return Ok(());
        };
        let left = self.plan.batch_interval.saturating_sub(now.duration_since(since));
        if self.queue.len() < self.plan.batch_size && !left.is_zero() {
            self.nap(left).await;
            return Ok(());
        }
        self.send_batch().await
    }

    /// The oldest instant that is sent.
    fn oldest(&self) -> Timestamp {
        self.clock.now() - self.plan.max_age
    }

    /// Leaves out what Monasca would not take any more: it may have become too old while it waited.
    fn drop_too_old(&mut self) {
        let oldest = self.oldest();
        let before = self.queue.len();
        self.queue.retain(|(_, point)| instant(point) >= oldest);
        let dropped = before - self.queue.len();
        if dropped > 0 {
            tracing::warn!(dropped, "metrics are too old to be sent (metrics.max_age), and are left out");
            self.status.note_too_old(dropped);
        }
    }

    /// Reads until there is a batch, or all is read.
    async fn fill(&mut self) -> Result<(), Failure> {
        self.drop_too_old();
        while self.queue.len() < self.plan.batch_size {
            let page = self.follower.page(self.read).await.map_err(|error| Failure::Log(error.to_string()))?;
            self.queue.extend(page.items);
            self.drop_too_old();
            self.read = page.upto;
            if !page.more {
                break;
            }
        }
        if self.queue.is_empty() {
            self.waiting_since = None;
            // Events that bring no metric are as good as sent; so are those of a log that was read to its end.
            self.window.pass_over(self.read);
        } else {
            self.waiting_since.get_or_insert_with(Instant::now);
        }
        self.status.set_oldest(self.queue.front().map(|(_, point)| instant(point)));
        Ok(())
    }

    async fn send_batch(&mut self) -> Result<(), Failure> {
        let size = self.queue.len().min(self.plan.batch_size);
        let metrics: Vec<Metric> = self.queue.iter().take(size).map(|(_, point)| metric(point)).collect();
        self.try_one().await?;
        let proven = self.proof.metric(self.oldest().micros().div_euclid(1000)).cloned();
        let (monasca, status, pace) = (&self.monasca, &self.status, &mut self.pace);
        let last = Cell::new(None);
        let send = async |wanted: Wanted| {
            sleep(pace.wait(Instant::now())).await;
            status.note_request();
            let Wanted::Part(part) = wanted else { return monasca.send_metrics(proven.as_slice()).await };
            let sent = &metrics[part.clone()];
            monasca.send_metrics(sent).await?;
            status.note_sent(sent.len());
            last.set(part.last());
            Ok(())
        };
        let sent = send_all(size, proven.is_some(), send).await;
        if let Some(last) = last.get() {
            self.proof.took(metrics[last].clone());
        }
        if matches!(sent, Err(Unsent::AllRefused(_))) {
            self.proof.refuses_all();
        }
        for (one, error) in sent? {
            let Metric { name, dimensions, timestamp, value } = &metrics[one];
            let what = format!("{name} {dimensions:?} at {timestamp} = {value}: {error}");
            tracing::error!("Monasca refuses a metric, which is left out: {what}");
            self.status.note_rejected(what);
        }
        if self.status.monasca().worked() {
            tracing::info!(waiting = self.queue.len(), "Monasca takes metrics again");
        }
        self.queue.drain(..size);
        let now = Instant::now();
        self.waiting_since = (!self.queue.is_empty()).then_some(now);
        let upto = self.queue.front().map_or(self.read, |(seq, _)| Seq(seq.0 - 1));
        self.window.acknowledge(now, upto);
        self.status.set_acknowledged(upto);
        self.status.set_oldest(self.queue.front().map(|(_, point)| instant(point)));
        self.note_sometimes(now).await;
        Ok(())
    }

    /// While Monasca refuses everything it gets one metric a time.
    async fn try_one(&mut self) -> Result<(), Failure> {
        let oldest = self.oldest().micros().div_euclid(1000);
        let queue = &self.queue;
        let waiting = |tries: usize| queue.get(tries % queue.len().max(1)).map(|(_, point)| metric(point));
        let Some(one) = self.proof.next_try(oldest, waiting) else { return Ok(()) };
        sleep(self.pace.wait(Instant::now())).await;
        self.status.note_request();
        self.monasca.send_metrics(std::slice::from_ref(&one)).await.map_err(Unsent::of_a_proof)?;
        self.proof.took(one);
        Ok(())
    }

    /// The batch is sent again after a pause. When that fails too it is an outage: what was acknowledged shortly before is read and sent
    /// again as well.
    fn failed(&mut self, failure: &Failure) {
        if matches!(failure, Failure::Log(_)) {
            tracing::warn!(%failure, "metrics wait");
            return;
        }
        if self.status.monasca().failed(&failure.to_string(), self.clock.now()) {
            tracing::warn!(%failure, "metrics wait in the log until Monasca takes them");
        }
        if let Some(settled) = self.window.fail() {
            self.queue.clear();
            self.waiting_since = None;
            self.follower.forget();
            self.read = settled;
            self.status.set_acknowledged(settled);
        }
    }

    /// Waits, but not longer than until the log goes on.
    async fn nap(&self, time: Duration) {
        let mut head = self.log.watch_head();
        if head.borrow_and_update().seq > self.read {
            return sleep(time.min(GATHER)).await;
        }
        tokio::select! {
            () = sleep(time) => {}
            _ = head.changed() => sleep(time.min(GATHER)).await,
        }
    }

    async fn note_sometimes(&mut self, now: Instant) {
        if now.duration_since(self.noted.1) >= CURSOR_EVERY {
            self.note(now).await;
        }
    }

    /// Notes on disk how far it has come.
    async fn note(&mut self, now: Instant) {
        let settled = self.window.settled();
        if settled == self.noted.0 {
            return;
        }
        match self.log.append(Append::at(self.clock.now()).cursor(CURSOR, settled)).await {
            Ok(_) => self.noted = (settled, now),
            // Later will do: what was sent since is only sent again.
            Err(error) => {
                self.noted.1 = now;
                tracing::debug!(%error, "how far metrics are sent could not be noted");
            }
        }
    }
}

/// Why nothing was sent.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Monasca(#[from] Unsent),
    #[error("{0}")]
    Log(String),
}
