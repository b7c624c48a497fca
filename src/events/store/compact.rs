//! Moves the data of jobs that are long over into archives. No event is deleted, and the chain is walked as before.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, TransactionBehavior, params};
use sha2::{Digest, Sha256};

use crate::events::cluster::{ClusterEvent, Compacted, CompactedJob};
use crate::events::envelope::{NewEvent, StoredEvent, StreamId, Version};
use crate::events::store::append::Append;
use crate::events::store::archive::{self, Sum};
use crate::events::store::insert::{self, Failure};
use crate::events::store::lock::DirLock;
use crate::events::store::options::OpenError;
use crate::events::store::read::{self, ReadError};
use crate::events::store::tail::Tail;
use crate::events::store::{replay, schema, verify};
use crate::qos::arbitration::Nodes;
use crate::qos::units::Timestamp;

/// Jobs of one transaction, and of one event.
const AT_ONCE: usize = 500;

/// What was compacted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Compaction {
    /// Jobs whose data is archived now.
    pub jobs: u64,
    /// Events of theirs.
    pub events: u64,
    /// Jobs that are over, but that somebody who reads the log for metrics or notices has not done with.
    pub still_read: u64,
}

/// Why nothing more was compacted.
#[derive(Debug, thiserror::Error)]
pub enum CompactError {
    /// The data directory cannot be used, or a supervisor uses it.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The log cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// It is broken already.
    #[error("{} is not whole and stays as it is: event {seq}: {reason}", path.display())]
    Broken {
        /// The log.
        path: PathBuf,
        /// The event.
        seq: i64,
        /// Why.
        reason: String,
    },
    /// An archive cannot be written.
    #[error("an archive beside {} cannot be written: {error}", path.display())]
    Archive {
        /// The log.
        path: PathBuf,
        /// What the system said.
        error: std::io::Error,
    },
    /// Everything is archived, and the file is as large as before.
    #[error("{events} events of {jobs} jobs are archived, but the file cannot give back their space: {error}; compact it once more", events = done.events, jobs = done.jobs)]
    Space {
        /// What is archived.
        done: Compaction,
        /// What SQLite said.
        error: rusqlite::Error,
    },
    /// The database cannot be written.
    #[error("the event log cannot be written: {0}")]
    Storage(String),
}

impl From<rusqlite::Error> for CompactError {
    fn from(error: rusqlite::Error) -> Self {
        CompactError::Storage(error.to_string())
    }
}

/// Archives the data of the jobs in the log `path` that were over before `before`. Nobody else may have the data directory open.
///
/// # Errors
/// See [`CompactError`]. What was archived before the error stays so.
pub fn compact(path: &Path, before: Timestamp, now: Timestamp) -> Result<Compaction, CompactError> {
    if !path.is_file() {
        return Err(ReadError::NotALog(format!("{}: there is no such file", path.display())).into());
    }
    // The lock and the archives belong beside the file itself, where SQLite reads it, and not beside a link to it.
    let path = &path.canonicalize().map_err(|error| ReadError::NotALog(format!("{}: {error}", path.display())))?;
    let dir = path.parent().unwrap_or(Path::new("/"));
    let _lock = DirLock::acquire(dir)?;
    if let Some(fault) = verify(path, None)?.fault {
        return Err(CompactError::Broken { path: path.to_owned(), seq: fault.seq.0, reason: fault.reason });
    }
    let mut conn = schema::open_writer(path)?;
    let (jobs, still_read) = over(&conn, before)?;
    let mut done = Compaction { still_read, ..Compaction::default() };
    for part in jobs.chunks(AT_ONCE) {
        some(&mut conn, path, part, now, &mut done)?;
    }
    give_back(&conn, done.jobs > 0).map_err(|error| CompactError::Space { done, error })?;
    Ok(done)
}

/// Gives free pages back to the file system, also those of a compaction that was ended before it came to this.
fn give_back(conn: &Connection, archived: bool) -> rusqlite::Result<()> {
    let free: i64 = conn.query_row("PRAGMA freelist_count", [], |row| row.get(0))?;
    if archived || free > 0 {
        conn.execute_batch("VACUUM; PRAGMA wal_checkpoint(TRUNCATE);")?;
    }
    Ok(())
}

/// The streams of the jobs that were over before `before`, and how many others are still read by somebody.
fn over(conn: &Connection, before: Timestamp) -> Result<(Vec<StreamId>, u64), CompactError> {
    let read_upto: Option<i64> = conn.query_row("SELECT min(seq) FROM cursors", [], |row| row.get(0))?;
    let sql = "SELECT uuid, (SELECT max(seq) FROM events WHERE stream = uuid) FROM jobs \
        WHERE active = 0 AND coalesce(finished_at, registered_at) < ? \
        AND NOT EXISTS (SELECT 1 FROM outbox WHERE stream = uuid) \
        AND EXISTS (SELECT 1 FROM events WHERE stream = uuid AND data <> '') ORDER BY position";
    let mut query = conn.prepare(sql)?;
    let rows = query.query(params![before.micros()])?;
    let all = read::collect(rows, |row| Ok((super::rows::stream(row, 0)?, row.get::<_, i64>(1)?)))?;
    let count = all.len();
    let done: Vec<StreamId> = all
        .into_iter()
        .filter(|(_, last)| read_upto.is_none_or(|upto| *last <= upto))
        .map(|(stream, _)| stream)
        .collect();
    let still_read = (count - done.len()) as u64;
    Ok((done, still_read))
}

fn some(
    conn: &mut Connection,
    path: &Path,
    jobs: &[StreamId],
    now: Timestamp,
    done: &mut Compaction,
) -> Result<(), CompactError> {
    let transaction = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let (round, nodes) = head_of_the_cluster(&transaction)?;
    let mut compacted = Compacted { round, nodes, jobs: Vec::with_capacity(jobs.len()) };
    for stream in jobs {
        let mut events: Vec<StoredEvent> = Vec::new();
        replay::one_stream(&transaction, *stream, Version::NONE, &mut |event, _| {
            events.push(event.clone());
            Ok::<(), ReadError>(())
        })?;
        let archive =
            archive::write(path, &events).map_err(|error| CompactError::Archive { path: path.to_owned(), error })?;
        for event in &events {
            let digest = Sum::from(Sha256::digest(&event.data));
            let mut note = transaction.prepare_cached("REPLACE INTO archived VALUES (?, ?, ?)")?;
            note.execute(params![event.seq.0, digest, archive])?;
            transaction.prepare_cached("UPDATE events SET data = '' WHERE seq = ?")?.execute(params![event.seq.0])?;
        }
        done.jobs += 1;
        done.events += events.len() as u64;
        if let Some(job) = stream.job() {
            compacted.jobs.push(CompactedJob { job, archive: hex::encode(archive), events: events.len() as u64 });
        }
    }
    let mut tail = Tail::read(&transaction)?;
    let version = tail.version(&transaction, StreamId::Cluster)?;
    let event = NewEvent::json(Compacted::KIND, Compacted::SCHEMA, now, &compacted)
        .map_err(|error| CompactError::Storage(error.to_string()))?;
    let append = Append::at(now).events(StreamId::Cluster, version, vec![event]);
    insert::append(&transaction, &mut tail, append).map_err(|failure| match failure {
        Failure::Rejected(error) => CompactError::Storage(error.to_string()),
        Failure::Storage(error) => error.into(),
    })?;
    transaction.commit()?;
    Ok(())
}

/// The number of the last round, and what there was to share: a supervisor reads them from the newest event.
fn head_of_the_cluster(conn: &Connection) -> Result<(u64, Option<Nodes>), CompactError> {
    let mut head = (0, None);
    replay::newest_of(conn, StreamId::Cluster, &mut |event, _| {
        // What is of a kind that this program does not know is a newer one's, whose log it does not write.
        let newest = ClusterEvent::decode(&event.kind, &event.data);
        head = newest.map_err(|error| ReadError::NotALog(format!("event {}: {error}", event.seq)))?.head();
        Ok::<(), ReadError>(())
    })?;
    Ok(head)
}
