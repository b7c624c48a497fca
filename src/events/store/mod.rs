//! The event log on disk: SQLite in WAL mode with one writer thread.
//!
//! # Layout
//!
//! - [`EventStore`] owns the data directory: its lock, the database, the writer thread
//! - [`EventLog`] is the handle that everybody else uses; [`Append`] says what goes to disk in one transaction
//! - `writer` collects messages into transactions (group commit), `insert` writes one message under its savepoint, `tail` is where it writes
//! - `readers` keeps read-only connections, `read`, `replay` and `reading` hold the questions, `rows` reads what comes back
//! - [`OfflineLog`] reads a log file without a store: to verify, export or back it up
//! - [`compact`] moves data of finished jobs into files, `archive`, which all readers read
//! - [`SnapshotFile`] is a cache beside the log, of what its streams add up to; nothing else here knows of it
//! - `lock`, `filesystem`, `schema` prepare what [`EventStore::open`] needs
//!
//! What is committed: the events, the outbox rows, the stored reply and the job's row of one [`Append`], together.

mod append;
mod archive;
mod compact;
mod filesystem;
mod insert;
mod integrity;
mod lock;
mod log;
mod margins;
mod offline;
mod options;
mod read;
mod readers;
mod reading;
mod replay;
mod rows;
mod schema;
mod select;
mod snapshots;
mod stats;
mod tail;
mod verify;
mod writer;
#[cfg(test)]
mod writer_tests;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::thread::JoinHandle;

use tokio::sync::{broadcast, mpsc};

pub use append::{Append, AppendError, Appended, Cursor, NewEffect, NewReply, OutboxChange, StreamAppend};
pub use archive::Place;
pub use compact::{CompactError, Compaction, compact};
pub use integrity::integrity;
pub use log::EventLog;
pub use margins::{MarginPlace, NoPlace};
pub use offline::{BackupError, OfflineLog};
pub use options::{OpenError, StoreOptions};
pub use read::{JobFilter, ReadError};
pub use reading::Reading;
pub use replay::Replay;
pub use rows::{JobCursor, JobRow, OutboxRow, StoredReply};
pub use select::EventFilter;
pub use snapshots::{SNAPSHOTS, Snapshot, SnapshotError, SnapshotFile, Snapshots};
pub use stats::{COMMIT_BUCKETS_MICROS, Health, LogStats};
pub use verify::{ExpectedHead, Fault, Step, Verifier, VerifyReport, archive_faults, verify};
pub use writer::OnUnknownOutcome;

use lock::DirLock;
use readers::Readers;
use stats::Meter;
use tail::Tail;
use writer::{Message, Writer};

/// The database's name in the data directory.
pub const DATABASE: &str = "events.db";

/// The open log of a data directory; while it lives, no other process can open it.
///
/// Dropping it closes it, too; [`EventStore::close`] does so without blocking an async task.
#[derive(Debug)]
pub struct EventStore {
    log: EventLog,
    writer: Option<JoinHandle<()>>,
    _lock: DirLock,
}

impl EventStore {
    /// Opens the log in `data_dir`, which is made (mode 0700) when it is missing.
    ///
    /// # Errors
    /// When the directory is in use, on a network file system or not writable, or the database is damaged or newer than
    /// this program.
    pub fn open(data_dir: &Path, options: StoreOptions) -> Result<EventStore, OpenError> {
        lock::create_dir(data_dir)?;
        if !options.allow_network_file_system {
            filesystem::refuse_network(data_dir)?;
        }
        let lock = DirLock::acquire(data_dir)?;
        let path = data_dir.join(DATABASE);
        // SQLite gives its other files the mode of this one.
        drop(lock::private_file(&path)?);
        let conn = schema::open_writer(&path)?;
        lock::sync_dir(data_dir)?;
        let tail = Tail::read(&conn)?;

        let (queue, messages) = mpsc::channel(options.queue_capacity.max(1));
        let (committed, _) = broadcast::channel(options.broadcast_capacity.max(1));
        let meter = Arc::new(Meter::new(tail.head));
        let readers = Readers::new(path.clone(), options.readers);
        let writer = Writer {
            conn,
            tail,
            meter: Arc::clone(&meter),
            committed: committed.clone(),
            on_unknown_outcome: options.on_unknown_outcome,
            commit: writer::commit,
        };
        let thread = std::thread::Builder::new()
            .name("event-writer".to_owned())
            .spawn(move || writer.run(messages))
            .map_err(|error| OpenError::Io { path, error })?;
        Ok(EventStore { log: EventLog { queue, meter, committed, readers }, writer: Some(thread), _lock: lock })
    }

    /// A handle on the log.
    pub fn log(&self) -> EventLog {
        self.log.clone()
    }

    /// Commits what is queued, refuses what comes later, and frees the data directory.
    pub async fn close(self) {
        // Dropping waits for the writer thread, which must not hold up the runtime. A task that fails has dropped it, too.
        drop(tokio::task::spawn_blocking(move || drop(self)).await);
    }
}

impl Drop for EventStore {
    fn drop(&mut self) {
        self.log.meter.closing.store(true, SeqCst);
        // A full queue wakes the writer as well.
        drop(self.log.queue.try_send(Message::Wake));
        self.log.readers.close();
        if let Some(writer) = self.writer.take()
            && writer.join().is_err()
        {
            tracing::error!("the event log's writer has panicked");
        }
    }
}
