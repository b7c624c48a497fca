//! The writer's own memory of where the log ends: what it would otherwise have to ask the database for with every message.

use std::collections::HashMap;

use rusqlite::{Connection, params};

use crate::events::chain::Head;
use crate::events::envelope::{StreamId, Version};
use crate::events::store::schema;

/// Streams whose version is remembered; when there are more, all are forgotten and asked for again.
const STREAMS: usize = 65_536;

/// Where the log ends. Right because nobody else writes: the data directory is locked.
#[derive(Debug)]
pub(super) struct Tail {
    /// The last event.
    pub(super) head: Head,
    versions: HashMap<StreamId, Version>,
    last_effect: i64,
}

impl Tail {
    /// Where the log in this database ends.
    pub(super) fn read(conn: &Connection) -> rusqlite::Result<Tail> {
        let last_effect = conn.query_row("SELECT coalesce(max(id), 0) FROM outbox", [], |row| row.get(0))?;
        Ok(Tail { head: schema::read_head(conn)?, versions: HashMap::new(), last_effect })
    }

    /// The version that `stream` has.
    pub(super) fn version(&mut self, conn: &Connection, stream: StreamId) -> rusqlite::Result<Version> {
        if let Some(version) = self.versions.get(&stream) {
            return Ok(*version);
        }
        let mut query = conn.prepare_cached("SELECT coalesce(max(version), 0) FROM events WHERE stream = ?")?;
        let version: i64 = query.query_row(params![stream.as_bytes()], |row| row.get(0))?;
        let version = Version(version.unsigned_abs());
        self.moved(stream, version);
        Ok(version)
    }

    /// `stream` has this version now.
    pub(super) fn moved(&mut self, stream: StreamId, version: Version) {
        if self.versions.len() >= STREAMS && !self.versions.contains_key(&stream) {
            self.versions.clear();
        }
        self.versions.insert(stream, version);
    }

    /// A number for an effect; never given twice, not even when what was written with it is taken back.
    pub(super) fn next_effect(&mut self) -> i64 {
        self.last_effect += 1;
        self.last_effect
    }

    /// What was written since the log ended at `head` is taken back.
    pub(super) fn back_to(&mut self, head: Head) {
        self.head = head;
        self.versions.clear();
    }
}
