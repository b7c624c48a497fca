//! What the hash chain does not cover: the rest of the file, by SQLite's own check.

use std::path::Path;

use crate::events::store::offline::OfflineLog;
use crate::events::store::read::ReadError;

/// Faults that are told one by one.
const TOLD: usize = 20;

/// What SQLite finds wrong with the file `path`: pages, indexes, and columns that break their constraints; nothing when all is well.
///
/// # Errors
/// When the file cannot be opened as an event log. A file that is damaged so far that the check itself fails is a finding.
pub fn integrity(path: &Path) -> Result<Vec<String>, ReadError> {
    let log = OfflineLog::open(path)?;
    let check = || -> rusqlite::Result<Vec<String>> {
        let mut query = log.conn.prepare(&format!("PRAGMA integrity_check({TOLD})"))?;
        query.query_map([], |row| row.get::<_, String>(0))?.collect()
    };
    let mut found = check().unwrap_or_else(|error| vec![error.to_string()]);
    found.retain(|line| line != "ok");
    Ok(found)
}
