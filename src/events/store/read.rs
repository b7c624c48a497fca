//! The questions that can be asked of the database, each on a read-only connection.

use std::path::PathBuf;

use rusqlite::{Connection, OptionalExtension, Row, Rows, params};

use crate::events::envelope::{Seq, StoredEvent, StreamId, Version};
use crate::events::store::archive::Archives;
use crate::events::store::rows::{
    EVENT_COLUMNS, JOB_COLUMNS, JobRow, OUTBOX_COLUMNS, OutboxRow, REPLY_COLUMNS, StoredReply, blank_event, job_row,
    outbox_row, read_event, stored_reply,
};
use crate::qos::ids::{Framework, JobId};

/// Why the log cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The database says no.
    #[error("the event log cannot be read: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// A row of `events` is no event.
    #[error("event {seq} has no valid {what}: run `mesos-qos log verify`")]
    Malformed {
        /// The row.
        seq: Seq,
        /// The column.
        what: &'static str,
    },
    /// A column holds what was never written there.
    #[error("the event log holds `{value}` in {column}: run `mesos-qos log verify`")]
    Column {
        /// The column.
        column: &'static str,
        /// What it holds.
        value: String,
    },
    /// The data of an event is in a file that is not there, or is another.
    #[error("the data of event {seq} is in the archive {}, which {problem}", path.display())]
    Archive {
        /// The event.
        seq: Seq,
        /// The archive.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The file is something else.
    #[error("{0}")]
    NotALog(String),
    /// The runtime is shutting down.
    #[error("the event log is closed")]
    Closed,
}

impl From<rusqlite::types::FromSqlError> for ReadError {
    fn from(error: rusqlite::types::FromSqlError) -> Self {
        ReadError::Sqlite(error.into())
    }
}

/// Which jobs to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JobFilter {
    /// Only jobs in this state.
    pub state: Option<String>,
    /// Only jobs of this framework.
    pub framework: Option<Framework>,
    /// Only jobs that are (not) supervised.
    pub active: Option<bool>,
    /// Only jobs whose name contains this text, or whose uuid begins with it.
    pub search: Option<String>,
    /// In the order of their names, and not of their registrations.
    pub by_name: bool,
    /// Against the order: the newest registration first, or the last name.
    pub newest_first: bool,
}

pub(super) fn stream_events(
    conn: &Connection,
    archives: &Archives,
    stream: StreamId,
    after: Version,
    limit: usize,
) -> Result<Vec<StoredEvent>, ReadError> {
    let sql = format!("SELECT {EVENT_COLUMNS} FROM events WHERE stream = ? AND version > ? ORDER BY version LIMIT ?");
    let mut query = conn.prepare_cached(&sql)?;
    let after = i64::try_from(after.0).unwrap_or(i64::MAX);
    collect(query.query(params![stream.as_bytes(), after, sql_limit(limit)])?, |row| event(conn, archives, row))
}

pub(super) fn all_events(
    conn: &Connection,
    archives: &Archives,
    after: Seq,
    limit: usize,
) -> Result<Vec<StoredEvent>, ReadError> {
    let sql = format!("SELECT {EVENT_COLUMNS} FROM events WHERE seq > ? ORDER BY seq LIMIT ?");
    let mut query = conn.prepare_cached(&sql)?;
    collect(query.query(params![after.0, sql_limit(limit)])?, |row| event(conn, archives, row))
}

pub(super) fn pending_outbox(conn: &Connection) -> Result<Vec<OutboxRow>, ReadError> {
    let mut query = conn.prepare_cached(&format!("SELECT {OUTBOX_COLUMNS} FROM outbox ORDER BY id"))?;
    collect(query.query([])?, outbox_row)
}

/// The effects of one kind that wait, the oldest first.
pub(super) fn outbox_of(conn: &Connection, kind: &str, limit: usize) -> Result<Vec<OutboxRow>, ReadError> {
    let sql = format!("SELECT {OUTBOX_COLUMNS} FROM outbox WHERE kind = ? ORDER BY id LIMIT ?");
    collect(conn.prepare_cached(&sql)?.query(params![kind, sql_limit(limit)])?, outbox_row)
}

/// How far a reader has come; none when it has never begun.
pub(super) fn cursor(conn: &Connection, name: &str) -> Result<Option<Seq>, ReadError> {
    let mut query = conn.prepare_cached("SELECT seq FROM cursors WHERE name = ?")?;
    Ok(query.query_row(params![name], |row| row.get(0)).optional()?.map(Seq))
}

pub(super) fn reply(conn: &Connection, stream: StreamId, key: &str) -> Result<Option<StoredReply>, ReadError> {
    let sql = format!("SELECT {REPLY_COLUMNS} FROM idempotency WHERE stream = ? AND key = ?");
    let mut query = conn.prepare_cached(&sql)?;
    query.query_row(params![stream.as_bytes(), key], |row| Ok(stored_reply(row))).optional()?.transpose()
}

pub(super) fn job(conn: &Connection, uuid: JobId) -> Result<Option<JobRow>, ReadError> {
    let mut query = conn.prepare_cached(&format!("SELECT {JOB_COLUMNS} FROM jobs WHERE uuid = ?"))?;
    let found = query.query_row(params![uuid.as_bytes()], |row| Ok(job_row(row))).optional()?.transpose()?;
    Ok(found.map(|(_, job)| job))
}

pub(super) fn event(conn: &Connection, archives: &Archives, row: &Row<'_>) -> Result<StoredEvent, ReadError> {
    let mut event = blank_event();
    read_event(row, &mut event)?;
    archives.fill(conn, &mut event)?;
    Ok(event)
}

/// Maps every row.
pub(super) fn collect<T>(
    mut rows: Rows<'_>,
    mut read: impl FnMut(&Row<'_>) -> Result<T, ReadError>,
) -> Result<Vec<T>, ReadError> {
    let mut items = Vec::new();
    while let Some(row) = rows.next()? {
        items.push(read(row)?);
    }
    Ok(items)
}

pub(super) fn sql_limit(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}
