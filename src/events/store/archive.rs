//! Data of finished jobs in files beside the database: one a job, named by the SHA-256 of its content, in the directory `archive`. The content is
//! the job's events as exported lines.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension, params};
use sha2::{Digest, Sha256};

use crate::events::envelope::StoredEvent;
use crate::events::store::read::ReadError;

/// The directory beside the database.
const DIRECTORY: &str = "archive";

/// A SHA-256.
pub(super) type Sum = [u8; 32];

/// The archives beside a database, of which the last one that was read is in memory.
#[derive(Debug)]
pub(super) struct Archives {
    dir: PathBuf,
    read: Option<(Sum, BTreeMap<i64, Vec<u8>>)>,
}

impl Archives {
    /// Those beside the database of `conn`.
    pub(super) fn beside(conn: &Connection) -> Self {
        Archives { dir: directory(conn.path().map_or(Path::new(""), Path::new)), read: None }
    }

    /// Puts the data of `event` in its place, when it is archived.
    pub(super) fn fill(&mut self, conn: &Connection, event: &mut StoredEvent) -> Result<(), ReadError> {
        if !event.data.is_empty() {
            return Ok(());
        }
        let (digest, archive) = place(conn, event)?.ok_or(ReadError::Malformed { seq: event.seq, what: "data" })?;
        let path = file(&self.dir, &archive);
        let wrong = |problem: String| ReadError::Archive { seq: event.seq, path: path.clone(), problem };
        if self.read.as_ref().is_none_or(|(known, _)| *known != archive) {
            self.read = Some((archive, read(&path, &archive).map_err(wrong)?));
        }
        let data = self.read.as_ref().and_then(|(_, events)| events.get(&event.seq.0));
        let data = data.filter(|data| Sum::from(Sha256::digest(data)) == digest);
        event.data.extend_from_slice(data.ok_or_else(|| wrong("does not hold it".to_owned()))?);
        Ok(())
    }
}

/// The digest of an event's archived data, and its archive.
pub(super) fn place(conn: &Connection, event: &StoredEvent) -> rusqlite::Result<Option<(Sum, Sum)>> {
    let mut query = conn.prepare_cached("SELECT digest, archive FROM archived WHERE seq = ?")?;
    query.query_row(params![event.seq.0], |row| Ok((row.get(0)?, row.get(1)?))).optional()
}

/// What an archive holds, by the events' places.
fn read(path: &Path, sum: &Sum) -> Result<BTreeMap<i64, Vec<u8>>, String> {
    let text = fs::read(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => "is missing".to_owned(),
        _ => format!("cannot be read: {error}"),
    })?;
    if Sum::from(Sha256::digest(&text)) != *sum {
        return Err("is not what was archived".to_owned());
    }
    let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let event = |line: &[u8]| serde_json::from_slice::<StoredEvent>(line).map(|event| (event.seq.0, event.data));
    lines.map(event).collect::<Result<_, _>>().map_err(|error| format!("holds no events: {error}"))
}

/// What is wrong with each archive that the database names, by its file.
pub(super) fn faults(conn: &Connection) -> rusqlite::Result<Vec<(PathBuf, String)>> {
    if !conn.table_exists(None, "archived")? {
        return Ok(vec![]);
    }
    let dir = directory(conn.path().map_or(Path::new(""), Path::new));
    let mut query = conn.prepare("SELECT DISTINCT archive FROM archived")?;
    let archives = query.query_map([], |row| row.get::<_, Sum>(0))?.collect::<rusqlite::Result<Vec<_>>>()?;
    let fault = |sum: &Sum| read(&file(&dir, sum), sum).err().map(|problem| (file(&dir, sum), problem));
    Ok(archives.iter().filter_map(fault).collect())
}

/// Writes `events` into an archive beside the database `database`. When this returns it is on disk, and was read back and compared.
pub(super) fn write(database: &Path, events: &[StoredEvent]) -> io::Result<Sum> {
    let mut text = Vec::new();
    for event in events {
        serde_json::to_writer(&mut text, event)?;
        text.push(b'\n');
    }
    let sum = Sum::from(Sha256::digest(&text));
    let dir = directory(database);
    match fs::DirBuilder::new().mode(0o700).create(&dir) {
        Err(error) if !dir.is_dir() => return Err(error),
        _ => {}
    }
    // Also when it was there: whoever made it may have been ended before this.
    File::open(dir.parent().unwrap_or(Path::new("/")))?.sync_all()?;
    let (path, part) = (file(&dir, &sum), dir.join("part"));
    let mut new = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&part)?;
    new.write_all(&text)?;
    new.sync_all()?;
    fs::rename(&part, &path)?;
    File::open(&dir)?.sync_all()?;
    holds(&fs::read(&path)?, events).map_err(io::Error::other)?;
    Ok(sum)
}

/// Whether the archive `text` holds exactly `events`: the log lets go of their data only then.
fn holds(text: &[u8], events: &[StoredEvent]) -> Result<(), String> {
    let mut lines = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    for event in events {
        let kept = lines.next().and_then(|line| serde_json::from_slice::<StoredEvent>(line).ok());
        if kept.as_ref() != Some(event) {
            return Err(format!("event {} is read back otherwise than it was written", event.seq));
        }
    }
    if lines.next().is_some() { Err("more is read back than was written".to_owned()) } else { Ok(()) }
}

fn directory(database: &Path) -> PathBuf {
    database.with_file_name(DIRECTORY)
}

fn file(dir: &Path, sum: &Sum) -> PathBuf {
    dir.join(format!("{}.jsonl", hex::encode(sum)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::chain::EventHash;
    use crate::events::envelope::{Seq, StreamId, Version};
    use crate::qos::units::Timestamp;

    fn event(seq: i64, data: &str) -> StoredEvent {
        StoredEvent {
            seq: Seq(seq),
            stream: StreamId::Cluster,
            version: Version(1),
            kind: "Noted".into(),
            schema: 1,
            at: Timestamp::from_micros(1),
            data: data.as_bytes().to_vec(),
            hash: EventHash::GENESIS,
        }
    }

    #[test]
    fn what_is_read_back_otherwise_is_no_archive() {
        let dir = tempfile::tempdir().unwrap();
        let database = dir.path().join("events.db");
        let good = [event(1, "{\"a\": 1}"), event(2, "[]")];
        let sum = write(&database, &good).unwrap();
        let text = fs::read(file(&directory(&database), &sum)).unwrap();
        assert_eq!(holds(&text, &good), Ok(()));
        assert!(holds(&text, &good[..1]).unwrap_err().contains("more"));
        assert!(holds(&text[..text.len() - 5], &good).unwrap_err().contains("event 2"));
        // JSON that is no line, or that a line does not keep byte for byte.
        for data in ["{\"a\":\n1}", " {} "] {
            let refused = write(&database, &[event(1, "{}"), event(2, data)]).unwrap_err().to_string();
            assert!(refused.contains("event 2 is read back otherwise"), "{refused}");
        }
    }
}
