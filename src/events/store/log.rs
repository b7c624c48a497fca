//! The handle that everybody else uses.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{broadcast, mpsc, oneshot, watch};

use crate::events::chain::Head;
use crate::events::envelope::{Seq, StoredEvent, StreamId, Version};
use crate::events::store::append::{Append, AppendError, Appended};
use crate::events::store::margins::{self, MarginPlace};
use crate::events::store::read::{self, JobFilter, ReadError};
use crate::events::store::readers::Readers;
use crate::events::store::reading::{self, Reading};
use crate::events::store::replay::{self, Replay};
use crate::events::store::rows::{JobCursor, JobRow, OutboxRow, StoredReply};
use crate::events::store::select::{self, EventFilter};
use crate::events::store::stats::{Health, LogStats, Meter};
use crate::events::store::writer::Message;
use crate::qos::ids::JobId;

/// Appends to the log and reads it; cheap to clone. Its async functions need a tokio runtime.
#[derive(Debug, Clone)]
pub struct EventLog {
    pub(super) queue: mpsc::Sender<Message>,
    pub(super) meter: Arc<Meter>,
    pub(super) committed: broadcast::Sender<Arc<[StoredEvent]>>,
    pub(super) readers: Arc<Readers>,
}

impl EventLog {
    /// Puts `append` on disk, all of it or nothing. When this returns, it is there.
    ///
    /// A caller that stops waiting does not stop the append.
    ///
    /// # Errors
    /// See [`AppendError`].
    pub async fn append(&self, append: Append) -> Result<Appended, AppendError> {
        append.check()?;
        let (reply, outcome) = oneshot::channel();
        self.send(Message::Append(Box::new(append), reply))?;
        outcome.await.unwrap_or(Err(AppendError::OutcomeUnknown))
    }

    /// Writes something that is no event, so that [`EventLog::health`] finds the way back after a full disk even when
    /// nobody appends.
    ///
    /// # Errors
    /// When writing does not work, or the queue is full.
    pub async fn probe(&self) -> Result<(), AppendError> {
        let (reply, outcome) = oneshot::channel();
        self.send(Message::Probe(reply))?;
        outcome.await.unwrap_or(Err(AppendError::OutcomeUnknown))
    }

    /// Every committed append from now on, in the order of the log. A receiver that lags reads the rest with
    /// [`EventLog::read_all`].
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<[StoredEvent]>> {
        self.committed.subscribe()
    }

    /// The end of the log, now and whenever it moves.
    pub fn watch_head(&self) -> watch::Receiver<Head> {
        self.meter.watch_head()
    }

    /// Whether the last transaction worked.
    pub fn health(&self) -> Health {
        self.meter.health()
    }

    /// Figures for metrics.
    pub fn stats(&self) -> LogStats {
        let capacity = self.queue.max_capacity();
        let database = self.readers.path();
        let wal = database.with_extension("db-wal");
        let bytes = [database, &wal].iter().filter_map(|path| std::fs::metadata(path).ok()).map(|m| m.len()).sum();
        self.meter.stats(capacity - self.queue.capacity(), capacity, bytes)
    }

    /// Up to `limit` events of `stream` with a version above `after`, in order.
    ///
    /// # Errors
    /// When the log cannot be read; so for all reads.
    pub async fn read_stream(
        &self,
        stream: StreamId,
        after: Version,
        limit: usize,
    ) -> Result<Vec<StoredEvent>, ReadError> {
        self.readers.run_with_archives(move |conn, kept| read::stream_events(conn, kept, stream, after, limit)).await
    }

    /// Up to `limit` events with a place above `after`, in order.
    pub async fn read_all(&self, after: Seq, limit: usize) -> Result<Vec<StoredEvent>, ReadError> {
        self.readers.run_with_archives(move |conn, kept| read::all_events(conn, kept, after, limit)).await
    }

    /// All effects that wait, the oldest first.
    pub async fn pending_outbox(&self) -> Result<Vec<OutboxRow>, ReadError> {
        self.readers.run(read::pending_outbox).await
    }

    /// Up to `limit` effects of one kind that wait, the oldest first.
    pub async fn waiting(&self, kind: &'static str, limit: usize) -> Result<Vec<OutboxRow>, ReadError> {
        self.readers.run(move |conn| read::outbox_of(conn, kind, limit)).await
    }

    /// How far the reader of this name has come; none when it has never begun.
    pub async fn cursor(&self, name: &'static str) -> Result<Option<Seq>, ReadError> {
        self.readers.run(move |conn| read::cursor(conn, name)).await
    }

    /// The reply stored under `key`.
    pub async fn stored_reply(&self, stream: StreamId, key: String) -> Result<Option<StoredReply>, ReadError> {
        self.readers.run(move |conn| read::reply(conn, stream, &key)).await
    }

    /// The job with this id.
    pub async fn job_row(&self, uuid: JobId) -> Result<Option<JobRow>, ReadError> {
        self.readers.run(move |conn| read::job(conn, uuid)).await
    }

    /// Up to `limit` events of `stream` that the filter lets through.
    pub async fn select_events(
        &self,
        stream: StreamId,
        filter: EventFilter,
        limit: usize,
    ) -> Result<Vec<StoredEvent>, ReadError> {
        self.readers
            .run_with_archives(move |conn, kept| select::stream_events(conn, kept, stream, &filter, limit))
            .await
    }

    /// How many jobs there are in each state.
    pub async fn job_counts(&self) -> Result<Vec<(String, u64)>, ReadError> {
        self.readers.run(select::job_counts).await
    }

    /// How many jobs that are over have ended after their deadline.
    pub async fn late_jobs(&self) -> Result<u64, ReadError> {
        self.readers.run(select::late_jobs).await
    }

    /// Up to `limit` jobs beyond the one at `after`, in the order of registration or of names, or against it.
    pub async fn job_rows(
        &self,
        filter: JobFilter,
        after: Option<JobCursor>,
        limit: usize,
    ) -> Result<Vec<(JobCursor, JobRow)>, ReadError> {
        self.readers.run(move |conn| select::jobs(conn, &filter, after, limit)).await
    }

    /// Up to `limit` jobs that are over beyond the one at `after`, in the order of their margins: the least first, or the largest with
    /// [`JobFilter::newest_first`].
    pub async fn jobs_by_margin(
        &self,
        filter: JobFilter,
        after: Option<MarginPlace>,
        limit: usize,
    ) -> Result<Vec<(MarginPlace, JobRow)>, ReadError> {
        self.readers.run(move |conn| margins::jobs_by_margin(conn, &filter, after, limit)).await
    }

    /// Calls `each` with every event of `scope`, on the calling thread and in one consistent snapshot, until it fails.
    /// The event is only lent: clone what you keep.
    ///
    /// # Errors
    /// When the log cannot be read, or `each` fails.
    pub fn for_each_event<E: From<ReadError>>(
        &self,
        scope: Replay,
        each: impl FnMut(&StoredEvent) -> Result<(), E>,
    ) -> Result<(), E> {
        replay::for_each_event(&self.readers.connect()?, scope, each)
    }

    /// Calls `ask` with the log as it is now, on the calling thread.
    ///
    /// # Errors
    /// When the log cannot be read, or `ask` fails.
    pub fn read_consistently<T, E: From<ReadError>>(
        &self,
        ask: impl FnOnce(&Reading<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        reading::consistently(&self.readers.connect()?, ask)
    }

    pub(super) fn send(&self, message: Message) -> Result<(), AppendError> {
        self.queue.try_send(message).map_err(|error| match error {
            TrySendError::Full(_) => {
                self.meter.overloaded.fetch_add(1, Relaxed);
                AppendError::Overloaded
            }
            TrySendError::Closed(_) => AppendError::Closed,
        })
    }
}
