//! One pass over the events, fast: nothing is allocated per event.

use rusqlite::{Connection, params};

use crate::events::envelope::{StoredEvent, StreamId, Version};
use crate::events::store::archive::{Archives, Place};
use crate::events::store::read::ReadError;
use crate::events::store::rows::{EVENT_COLUMNS, blank_event, read_event};
use crate::qos::ids::JobId;

/// Which events to replay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replay {
    /// All, in the order of the log.
    Everything,
    /// One stream, by version.
    Stream(StreamId),
}

/// Calls `each` with every event of `scope`, in one consistent snapshot, until it fails. The event is only lent: its
/// memory is used again for the next.
pub(super) fn for_each_event<E: From<ReadError>>(
    conn: &Connection,
    scope: Replay,
    mut each: impl FnMut(&StoredEvent) -> Result<(), E>,
) -> Result<(), E> {
    for_each_placed(conn, scope, |event, _| each(event))
}

/// The same, with where the data of each event is, when it is in an archive.
pub(super) fn for_each_placed<E: From<ReadError>>(
    conn: &Connection,
    scope: Replay,
    mut each: impl FnMut(&StoredEvent, Option<Place>) -> Result<(), E>,
) -> Result<(), E> {
    let snapshot = conn.unchecked_transaction().map_err(ReadError::from)?;
    match scope {
        Replay::Everything => everything(&snapshot, &mut each)?,
        Replay::Stream(id) => one_stream(&snapshot, id, Version::NONE, &mut each)?,
    }
    snapshot.finish().map_err(ReadError::from)?;
    Ok(())
}

fn everything<E: From<ReadError>>(
    conn: &Connection,
    each: &mut impl FnMut(&StoredEvent, Option<Place>) -> Result<(), E>,
) -> Result<(), E> {
    let sql = format!("SELECT {EVENT_COLUMNS} FROM events ORDER BY seq");
    let mut query = conn.prepare_cached(&sql).map_err(ReadError::from)?;
    walk(conn, query.query([]).map_err(ReadError::from)?, each)
}

/// The events of `stream` after this version.
pub(super) fn one_stream<E: From<ReadError>>(
    conn: &Connection,
    stream: StreamId,
    after: Version,
    each: &mut impl FnMut(&StoredEvent, Option<Place>) -> Result<(), E>,
) -> Result<(), E> {
    let sql = format!("SELECT {EVENT_COLUMNS} FROM events WHERE stream = ? AND version > ? ORDER BY version");
    let mut query = conn.prepare_cached(&sql).map_err(ReadError::from)?;
    let after = i64::try_from(after.0).unwrap_or(i64::MAX);
    walk(conn, query.query(params![stream.as_bytes(), after]).map_err(ReadError::from)?, each)
}

pub(super) fn newest_of<E: From<ReadError>>(
    conn: &Connection,
    stream: StreamId,
    each: &mut impl FnMut(&StoredEvent, Option<Place>) -> Result<(), E>,
) -> Result<(), E> {
    let sql = format!("SELECT {EVENT_COLUMNS} FROM events WHERE stream = ? ORDER BY version DESC LIMIT 1");
    let mut query = conn.prepare_cached(&sql).map_err(ReadError::from)?;
    walk(conn, query.query(params![stream.as_bytes()]).map_err(ReadError::from)?, each)
}

fn walk<E: From<ReadError>>(
    conn: &Connection,
    mut rows: rusqlite::Rows<'_>,
    each: &mut impl FnMut(&StoredEvent, Option<Place>) -> Result<(), E>,
) -> Result<(), E> {
    let (mut event, archives) = (blank_event(), Archives::beside(conn));
    while let Some(row) = rows.next().map_err(ReadError::from)? {
        read_event(row, &mut event)?;
        let place = archives.fill(conn, &mut event)?;
        each(&event, place)?;
    }
    Ok(())
}

/// The jobs that are supervised, in the order of registration.
pub(super) fn active_jobs(conn: &Connection) -> Result<Vec<JobId>, ReadError> {
    let mut query = conn.prepare_cached("SELECT uuid FROM jobs WHERE active = 1 ORDER BY position")?;
    super::read::collect(query.query([])?, |row| Ok(JobId::from_bytes(row.get(0)?)))
}
