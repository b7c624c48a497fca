//! A log in a file: the database, or the JSON lines that `mesos-qos log export` writes.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use crate::events::chain::{ChainWalk, EventHash};
use crate::events::envelope::{Seq, StoredEvent};
use crate::events::store::{ExpectedHead, Fault, OfflineLog, Place, ReadError, Replay, VerifyReport, verify};

/// No line is longer: an event of SQLite's largest size would be.
const LONGEST_LINE: u64 = 64 * 1024 * 1024;

/// What every SQLite file begins with.
const SQLITE: &[u8] = b"SQLite format 3\0";

/// A log in a file.
#[derive(Debug, Clone)]
pub enum LogSource {
    /// A database.
    Database(PathBuf),
    /// Exported lines.
    Lines(PathBuf),
}

impl LogSource {
    /// What `path` holds, by its first bytes.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn open(path: &Path) -> Result<Self, ReadError> {
        if !path.is_file() {
            return Err(ReadError::NotALog(format!("{}: there is no such file", path.display())));
        }
        let mut first = Vec::new();
        let unreadable = |error: std::io::Error| ReadError::NotALog(format!("{}: {error}", path.display()));
        File::open(path).map_err(unreadable)?.take(SQLITE.len() as u64).read_to_end(&mut first).map_err(unreadable)?;
        let lines = first.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{');
        Ok(if lines { LogSource::Lines(path.to_owned()) } else { LogSource::Database(path.to_owned()) })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        match self {
            LogSource::Database(path) | LogSource::Lines(path) => path,
        }
    }

    /// Calls `each` with every event of `scope`, in order, until it fails. Of lines, which know of no job whether it is active, all are
    /// active.
    ///
    /// # Errors
    /// When the file cannot be read or a line is no event, or `each` fails.
    pub fn for_each_event<E: From<ReadError>>(
        &self,
        scope: Replay,
        mut each: impl FnMut(&StoredEvent) -> Result<(), E>,
    ) -> Result<(), E> {
        match self {
            LogSource::Database(path) => OfflineLog::open(path)?.for_each_event(scope, each),
            LogSource::Lines(path) => lines(path, |event| match scope {
                Replay::Stream(stream) if stream != event.stream => Ok(()),
                _ => each(event),
            }),
        }
    }

    /// The same, with where the data of each event is, when it is in an archive: for who walks the chain.
    ///
    /// # Errors
    /// As [`LogSource::for_each_event`].
    pub fn for_each_placed<E: From<ReadError>>(
        &self,
        scope: Replay,
        mut each: impl FnMut(&StoredEvent, Option<Place>) -> Result<(), E>,
    ) -> Result<(), E> {
        match self {
            LogSource::Database(path) => OfflineLog::open(path)?.for_each_placed(scope, each),
            LogSource::Lines(_) => self.for_each_event(scope, |event| each(event, None)),
        }
    }

    /// As [`verify`], of either kind of file.
    ///
    /// # Errors
    /// When the file cannot be read; a broken chain is no error but a finding.
    pub fn verify(&self, expect_head: Option<EventHash>) -> Result<VerifyReport, ReadError> {
        let LogSource::Lines(path) = self else { return verify(self.path(), expect_head) };
        let mut walk = ChainWalk::default();
        let mut found = expect_head.filter(|hash| *hash == EventHash::GENESIS).map(|_| Seq::START);
        let mut fault = None;
        let walked = lines(path, |event| {
            if let Err(reason) = walk.step(event) {
                fault = Some(Fault { seq: event.seq, reason: reason.to_string() });
                return Err(Stop::Fault);
            }
            if expect_head == Some(event.hash) {
                found = Some(event.seq);
            }
            Ok(())
        });
        match walked {
            Ok(()) | Err(Stop::Fault) => {}
            // A line that is no event is where the log is broken.
            Err(Stop::Read(error)) => {
                fault = Some(Fault { seq: walk.head().seq.next(), reason: error.to_string() });
            }
        }
        let expected_head = expect_head.map(|hash| ExpectedHead { hash, found });
        Ok(VerifyReport { head: walk.head(), fault, expected_head })
    }
}

enum Stop {
    Fault,
    Read(ReadError),
}

impl From<ReadError> for Stop {
    fn from(error: ReadError) -> Self {
        Stop::Read(error)
    }
}

fn lines<E: From<ReadError>>(path: &Path, mut each: impl FnMut(&StoredEvent) -> Result<(), E>) -> Result<(), E> {
    let wrong = |line: u64, what: &dyn std::fmt::Display| {
        ReadError::NotALog(format!("{}, line {line}: {what}", path.display()))
    };
    let file = File::open(path).map_err(|error| ReadError::NotALog(format!("{}: {error}", path.display())))?;
    let mut reader = BufReader::new(file);
    let (mut text, mut number) = (Vec::new(), 0);
    loop {
        text.clear();
        number += 1;
        let read = reader.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut text);
        if read.map_err(|error| wrong(number, &error))? == 0 {
            return Ok(());
        }
        if text.len() as u64 == LONGEST_LINE {
            return Err(wrong(number, &format!("is longer than {LONGEST_LINE} bytes")).into());
        }
        if text.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        let event: StoredEvent =
            serde_json::from_slice(&text).map_err(|error| wrong(number, &format!("is no exported event: {error}")))?;
        each(&event)?;
    }
}
