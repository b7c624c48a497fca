//! Several questions about one state of the log.

use rusqlite::{Connection, OptionalExtension, params};

use crate::events::chain::EventHash;
use crate::events::envelope::{StoredEvent, StreamId, Version};
use crate::events::store::read::ReadError;
use crate::events::store::replay;
use crate::qos::ids::JobId;

/// The log at one moment, on the calling thread: what is appended meanwhile is not seen.
pub struct Reading<'c> {
    conn: &'c Connection,
}

/// Calls `ask` with what `conn` shows now.
pub(super) fn consistently<T, E: From<ReadError>>(
    conn: &Connection,
    ask: impl FnOnce(&Reading<'_>) -> Result<T, E>,
) -> Result<T, E> {
    let moment = conn.unchecked_transaction().map_err(ReadError::from)?;
    let answer = ask(&Reading { conn: &moment })?;
    moment.finish().map_err(ReadError::from)?;
    Ok(answer)
}

impl Reading<'_> {
    /// The jobs that are supervised, in the order of registration.
    ///
    /// # Errors
    /// When the log cannot be read; so for all of these.
    pub fn active_jobs(&self) -> Result<Vec<JobId>, ReadError> {
        replay::active_jobs(self.conn)
    }

    /// The hash of the event of `stream` that has this version; none when there is no such event.
    pub fn hash_of(&self, stream: StreamId, version: Version) -> Result<Option<EventHash>, ReadError> {
        let mut query = self.conn.prepare_cached("SELECT hash FROM events WHERE stream = ? AND version = ?")?;
        let Ok(version) = i64::try_from(version.0) else { return Ok(None) };
        Ok(query.query_row(params![stream.as_bytes(), version], |row| row.get(0)).optional()?.map(EventHash))
    }

    /// Calls `each` with the events of `stream` after this version, until it fails. The event is only lent.
    ///
    /// # Errors
    /// When the log cannot be read, or `each` fails.
    pub fn for_each_after<E: From<ReadError>>(
        &self,
        stream: StreamId,
        after: Version,
        mut each: impl FnMut(&StoredEvent) -> Result<(), E>,
    ) -> Result<(), E> {
        replay::one_stream(self.conn, stream, after, &mut |event, _| each(event))
    }

    /// Calls `each` with the newest event of `stream`, if there is one.
    ///
    /// # Errors
    /// When the log cannot be read, or `each` fails.
    pub fn newest_of<E: From<ReadError>>(
        &self,
        stream: StreamId,
        mut each: impl FnMut(&StoredEvent) -> Result<(), E>,
    ) -> Result<(), E> {
        replay::newest_of(self.conn, stream, &mut |event, _| each(event))
    }
}
