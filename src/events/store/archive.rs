//! Data of finished jobs in files beside the database: one a job, named by the SHA-256 of its content, in the directory `archive`. The content is
//! the job's events as exported lines.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::ops::Range;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, OptionalExtension, params};
use serde::Deserialize;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use crate::events::envelope::StoredEvent;
use crate::events::store::read::ReadError;

/// The directory beside the database.
const DIRECTORY: &str = "archive";

/// A SHA-256.
pub(super) type Sum = [u8; 32];

/// Bytes of archives that are kept in memory. In the order of the log the events of jobs that ran at the same time take turns.
const KEPT: usize = 64 << 20;

/// The archives beside a database, of which those that were read last are in memory. Several readers may share it.
#[derive(Debug)]
pub(super) struct Archives {
    dir: PathBuf,
    most: usize,
    read: Mutex<Read>,
}

/// Those in memory.
#[derive(Debug, Default)]
struct Read {
    archives: BTreeMap<Sum, (u64, Arc<Archive>)>,
    /// Counts the times that one was needed.
    clock: u64,
    bytes: usize,
}

impl Archives {
    /// Those beside the database of `conn`.
    pub(super) fn beside(conn: &Connection) -> Self {
        Self::in_memory_upto(KEPT, directory(conn.path().map_or(Path::new(""), Path::new)))
    }

    fn in_memory_upto(most: usize, dir: PathBuf) -> Self {
        Archives { dir, most, read: Mutex::default() }
    }

    /// Puts the data of `event` in its place, when it is archived, and says where.
    pub(super) fn fill(&self, conn: &Connection, event: &mut StoredEvent) -> Result<Option<Place>, ReadError> {
        if !event.data.is_empty() {
            return Ok(None);
        }
        let place = place(conn, event)?.ok_or(ReadError::Malformed { seq: event.seq, what: "data" })?;
        let path = file(&self.dir, &place.archive);
        let wrong = |problem: String| ReadError::Archive { seq: event.seq, path: path.clone(), problem };
        let archive = self.archive(&path, place.archive).map_err(wrong)?;
        let data = archive.data(event.seq.0).filter(|data| Sum::from(Sha256::digest(data)) == place.digest);
        event.data.extend_from_slice(data.ok_or_else(|| wrong("does not hold it".to_owned()))?);
        Ok(Some(place))
    }

    fn archive(&self, path: &Path, sum: Sum) -> Result<Arc<Archive>, String> {
        if let Some(archive) = self.lock().known(&sum) {
            return Ok(archive);
        }
        // Nobody waits for this file who needs another. Two who need it at once may both read it.
        let archive = Arc::new(Archive::read(path, &sum)?);
        self.lock().keep(sum, &archive, self.most);
        Ok(archive)
    }

    fn lock(&self) -> MutexGuard<'_, Read> {
        self.read.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Read {
    fn known(&mut self, sum: &Sum) -> Option<Arc<Archive>> {
        self.clock += 1;
        let (used, archive) = self.archives.get_mut(sum)?;
        *used = self.clock;
        Some(Arc::clone(archive))
    }

    fn keep(&mut self, sum: Sum, archive: &Arc<Archive>, most: usize) {
        if self.archives.contains_key(&sum) {
            return;
        }
        self.bytes += archive.bytes();
        self.forget_beyond(most);
        self.archives.insert(sum, (self.clock, Arc::clone(archive)));
    }

    /// Those that were not needed for the longest time go, until the rest is small enough.
    fn forget_beyond(&mut self, most: usize) {
        while self.bytes > most
            && let Some(oldest) = self.archives.iter().min_by_key(|(_, (used, _))| *used).map(|(sum, _)| *sum)
            && let Some((_, archive)) = self.archives.remove(&oldest)
        {
            self.bytes -= archive.bytes();
        }
    }
}

/// An archive in memory.
#[derive(Debug)]
struct Archive {
    text: Vec<u8>,
    /// Where in the text the data of each event is.
    places: BTreeMap<i64, Range<usize>>,
}

impl Archive {
    /// What the file `path` holds, whose name says that its SHA-256 is `sum`.
    fn read(path: &Path, sum: &Sum) -> Result<Archive, String> {
        let text = fs::read(path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => "is missing".to_owned(),
            _ => format!("cannot be read: {error}"),
        })?;
        if Sum::from(Sha256::digest(&text)) != *sum {
            return Err("is not what was archived".to_owned());
        }
        let (mut places, mut at) = (BTreeMap::new(), 0);
        for line in text.split_inclusive(|byte| *byte == b'\n') {
            let begin = at;
            at += line.len();
            if line.trim_ascii().is_empty() {
                continue;
            }
            let kept: Kept<'_> = serde_json::from_slice(line).map_err(|error| format!("holds no events: {error}"))?;
            let data = kept.data.get().as_bytes();
            // A raw value is a part of the text that it was read from.
            let offset = begin + (data.as_ptr() as usize - line.as_ptr() as usize);
            places.insert(kept.seq, offset..offset + data.len());
        }
        Ok(Archive { text, places })
    }

    fn data(&self, seq: i64) -> Option<&[u8]> {
        self.text.get(self.places.get(&seq)?.clone())
    }

    /// What it takes in memory, about.
    fn bytes(&self) -> usize {
        self.text.len() + self.places.len() * 2 * size_of::<(i64, Range<usize>)>()
    }
}

/// What of an exported line is needed here.
#[derive(Deserialize)]
struct Kept<'a> {
    seq: i64,
    #[serde(borrow)]
    data: &'a RawValue,
}

/// Where the data of an event is that is not in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The SHA-256 of the data.
    pub digest: [u8; 32],
    /// That of the archive which holds it.
    pub archive: [u8; 32],
}

/// Where the log says that the data of `event` is.
pub(super) fn place(conn: &Connection, event: &StoredEvent) -> rusqlite::Result<Option<Place>> {
    let mut query = conn.prepare_cached("SELECT digest, archive FROM archived WHERE seq = ?")?;
    let place = |row: &rusqlite::Row<'_>| Ok(Place { digest: row.get(0)?, archive: row.get(1)? });
    query.query_row(params![event.seq.0], place).optional()
}

/// What is wrong with each archive that the database names, by its file.
pub(super) fn faults(conn: &Connection) -> rusqlite::Result<Vec<(PathBuf, String)>> {
    let dir = directory(conn.path().map_or(Path::new(""), Path::new));
    let fault = |sum: &Sum| Archive::read(&file(&dir, sum), sum).err().map(|problem| (file(&dir, sum), problem));
    Ok(named(conn)?.iter().filter_map(fault).collect())
}

/// The archives that the database names.
fn named(conn: &Connection) -> rusqlite::Result<Vec<Sum>> {
    if !conn.table_exists(None, "archived")? {
        return Ok(vec![]);
    }
    let mut query = conn.prepare("SELECT DISTINCT archive FROM archived")?;
    query.query_map([], |row| row.get(0))?.collect()
}

/// Copies the archives that the database of `conn` names to beside the database `to`, those that are not there yet. What is wrong with those that
/// cannot be copied, by their files.
pub(super) fn copy(conn: &Connection, to: &Path) -> Result<Vec<(PathBuf, String)>, CopyError> {
    let named = named(conn)?;
    let (from, dir) = (directory(conn.path().map_or(Path::new(""), Path::new)), directory(to));
    if named.is_empty() {
        return Ok(vec![]);
    }
    let io = |error| CopyError::Io { path: dir.clone(), error };
    make(&dir).map_err(io)?;
    let mut faults = Vec::new();
    for sum in &named {
        let (path, copy) = (file(&from, sum), file(&dir, sum));
        if Archive::read(&copy, sum).is_ok() {
            continue;
        }
        match Archive::read(&path, sum) {
            Ok(archive) => put(&dir, &copy, &archive.text).map_err(io)?,
            Err(problem) => faults.push((path, problem)),
        }
    }
    File::open(&dir).and_then(|dir| dir.sync_all()).map_err(io)?;
    Ok(faults)
}

/// Why archives were not copied.
#[derive(Debug)]
pub(super) enum CopyError {
    /// Which ones there are is not known.
    Read(rusqlite::Error),
    /// They cannot be written.
    Io {
        /// Where.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
}

impl From<rusqlite::Error> for CopyError {
    fn from(error: rusqlite::Error) -> Self {
        CopyError::Read(error)
    }
}

/// The directory of archives, mode 0700.
fn make(dir: &Path) -> io::Result<()> {
    match fs::DirBuilder::new().mode(0o700).create(dir) {
        Err(error) if !dir.is_dir() => return Err(error),
        _ => {}
    }
    // Also when it was there: whoever made it may have been ended before this.
    File::open(dir.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new(".")))?.sync_all()
}

/// Makes the file `path` in `dir` of `text`, mode 0600, all of it or nothing. Who shares the directory uses a name of its own meanwhile.
fn put(dir: &Path, path: &Path, text: &[u8]) -> io::Result<()> {
    let mut part = tempfile::Builder::new().prefix("part").tempfile_in(dir)?;
    part.write_all(text)?;
    part.as_file().sync_all()?;
    part.persist(path)?;
    Ok(())
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
    make(&dir)?;
    let path = file(&dir, &sum);
    put(&dir, &path, &text)?;
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

    #[test]
    fn as_many_archives_as_there_is_room_for_are_read_once_when_their_events_take_turns() {
        let dir = tempfile::tempdir().unwrap();
        let database = dir.path().join("events.db");
        let sums: Vec<Sum> = (0..3)
            .map(|job| write(&database, &[event(job, "{\"a\": 1.50}"), event(job + 3, "[ ]")]).unwrap())
            .collect();
        let of = |sum: &Sum| file(&directory(&database), sum);
        let one = Archive::read(&of(&sums[0]), &sums[0]).unwrap().bytes();
        let archives = Archives::in_memory_upto(2 * one, directory(&database));
        let data = |archives: &Archives, job: usize, seq: i64| {
            archives.archive(&of(&sums[job]), sums[job]).map(|archive| archive.data(seq).unwrap().to_vec())
        };
        assert_eq!(data(&archives, 0, 0).unwrap(), b"{\"a\": 1.50}");
        assert_eq!(data(&archives, 1, 4).unwrap(), b"[ ]");
        // Both are in memory: their files are not needed any more.
        sums[..2].iter().for_each(|sum| fs::remove_file(of(sum)).unwrap());
        assert_eq!(data(&archives, 0, 3).unwrap(), b"[ ]");
        // A third one takes the place of the one that was not needed for the longest time.
        assert_eq!(data(&archives, 2, 5).unwrap(), b"[ ]");
        {
            let read = archives.lock();
            assert_eq!((read.archives.len(), read.bytes), (2, 2 * one));
        }
        assert!(data(&archives, 0, 0).is_ok());
        assert_eq!(data(&archives, 1, 1).unwrap_err(), "is missing");
    }

    #[test]
    fn an_archive_that_is_larger_than_the_room_for_all_is_read_nevertheless() {
        let dir = tempfile::tempdir().unwrap();
        let database = dir.path().join("events.db");
        let sum = write(&database, &[event(1, "{}")]).unwrap();
        let archives = Archives::in_memory_upto(1, directory(&database));
        for _ in 0..2 {
            let path = file(&directory(&database), &sum);
            assert_eq!(archives.archive(&path, sum).unwrap().data(1), Some(&b"{}"[..]));
        }
    }
}
