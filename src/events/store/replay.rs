//! One pass over the events, fast: nothing is allocated per event.

use rusqlite::{Connection, params};

use crate::events::envelope::{StoredEvent, StreamId};
use crate::events::store::archive::{Archives, Place};
use crate::events::store::read::ReadError;
use crate::events::store::rows::{EVENT_COLUMNS, blank_event, read_event, stream};

/// Which events to replay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replay {
    /// All, in the order of the log.
    Everything,
    /// The newest event of the cluster stream, then each active job's stream in the order of registration; within a stream by version.
    ActiveJobs,
    /// The same of every so-many-th active job alone; the newest event of the cluster stream goes with the first ones. So several threads can each
    /// take a share.
    ShareOfActiveJobs {
        /// Which share, from 0.
        number: usize,
        /// How many there are.
        of: usize,
    },
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
        Replay::Stream(id) => one_stream(&snapshot, id, &mut each)?,
        Replay::ActiveJobs => active_jobs(&snapshot, (0, 1), &mut each)?,
        Replay::ShareOfActiveJobs { number, of } => active_jobs(&snapshot, (number, of), &mut each)?,
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

fn active_jobs<E: From<ReadError>>(
    conn: &Connection,
    (number, of): (usize, usize),
    each: &mut impl FnMut(&StoredEvent, Option<Place>) -> Result<(), E>,
) -> Result<(), E> {
    if number == 0 {
        newest_of(conn, StreamId::Cluster, each)?;
    }
    for job in active_streams(conn)?.into_iter().skip(number).step_by(of.max(1)) {
        one_stream(conn, job, each)?;
    }
    Ok(())
}

pub(super) fn one_stream<E: From<ReadError>>(
    conn: &Connection,
    stream: StreamId,
    each: &mut impl FnMut(&StoredEvent, Option<Place>) -> Result<(), E>,
) -> Result<(), E> {
    let sql = format!("SELECT {EVENT_COLUMNS} FROM events WHERE stream = ? ORDER BY version");
    let mut query = conn.prepare_cached(&sql).map_err(ReadError::from)?;
    walk(conn, query.query(params![stream.as_bytes()]).map_err(ReadError::from)?, each)
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

fn active_streams(conn: &Connection) -> Result<Vec<StreamId>, ReadError> {
    let mut query = conn.prepare_cached("SELECT uuid FROM jobs WHERE active = 1 ORDER BY position")?;
    super::read::collect(query.query([])?, |row| stream(row, 0))
}
