//! The launch journal: what this cluster really did, one JSON object a line. Tests judge a supervisor by it.
//!
//! A line is written (not synced: it survives the process, not the machine) before what it tells takes effect.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::qos::units::{Cpus, Timestamp};

/// How a task ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskEnd {
    /// Its main process exited with this code.
    Code(i32),
    /// Its main process was ended by this signal.
    Signal(i32),
    /// It was killed before its process was started.
    Cancelled,
    /// This cluster was stopped or killed while it ran.
    Lost,
    /// The executor could not start it, and why.
    NotStarted(String),
}

/// One line. Instants are microseconds since 1970, CPUs are thousandths.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[expect(missing_docs, reason = "the fields mean the same in each variant, and are explained by their names")]
pub enum Entry {
    /// A job was created or replaced.
    Submitted {
        at: Timestamp,
        job: String,
        replaced: bool,
        milli_cpus: Cpus,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        constraints: Vec<serde_json::Value>,
    },
    /// A job was removed.
    Deleted { at: Timestamp, job: String },
    /// Somebody asked for a start; it may still be dropped.
    Requested { at: Timestamp, job: String, task: String },
    /// A task got its place; its CPU is reserved from now on.
    Placed { at: Timestamp, seq: u64, job: String, task: String, node: String, milli_cpus: Cpus, attempt: u32 },
    /// A task's process is about to be started.
    Launch { at: Timestamp, seq: u64, job: String, task: String, node: String, milli_cpus: Cpus, attempt: u32 },
    /// A task is over and its CPU is free; the seconds are the kernel's, of real cores.
    End { at: Timestamp, seq: u64, job: String, task: String, end: TaskEnd, user_seconds: f64, system_seconds: f64 },
    /// A wanted run will not happen.
    Dropped { at: Timestamp, job: String, task: String, why: String },
}

impl Entry {
    /// The job that the line is about.
    pub fn job(&self) -> &str {
        match self {
            Entry::Submitted { job, .. }
            | Entry::Deleted { job, .. }
            | Entry::Requested { job, .. }
            | Entry::Placed { job, .. }
            | Entry::Launch { job, .. }
            | Entry::End { job, .. }
            | Entry::Dropped { job, .. } => job,
        }
    }
}

/// An open journal.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: File,
}

impl Journal {
    /// Opens `path` for appending, after reading what is there.
    ///
    /// # Errors
    /// When the file cannot be read or written, or holds a line that is no entry (a torn last line is cut off).
    pub fn open(path: &Path) -> io::Result<(Journal, Vec<Entry>)> {
        let entries = if path.exists() { read(path)? } else { Vec::new() };
        let mut file = OpenOptions::new().create(true).append(true).open(path)?;
        if !ends_with_newline(path)? {
            // A line that was torn by a kill: end it, so that the next one stands alone. Readers skip it.
            file.write_all(b"\n")?;
        }
        Ok((Journal { path: path.to_owned(), file }, entries))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes one line.
    ///
    /// # Errors
    /// When the file system refuses it.
    pub fn append(&mut self, entry: &Entry) -> io::Result<()> {
        let mut line = serde_json::to_vec(entry)?;
        line.push(b'\n');
        // One write, so that a kill tears at most the last line.
        self.file.write_all(&line)
    }
}

/// All entries of a journal; a last line that was torn by a kill is left out.
///
/// # Errors
/// When the file cannot be read or a line in its midst is no entry.
pub fn read(path: &Path) -> io::Result<Vec<Entry>> {
    let mut entries = Vec::new();
    let mut torn: Option<io::Error> = None;
    for line in BufReader::new(File::open(path)?).lines() {
        let line = line?;
        if line.is_empty() {
            continue;
        }
        match serde_json::from_str(&line) {
            Ok(entry) => {
                entries.push(entry);
            }
            // Kills tear only what is written last; after a restart that may be in the midst.
            Err(e) if e.is_eof() => torn = Some(e.into()),
            Err(e) => {
                return Err(io::Error::new(io::ErrorKind::InvalidData, format!("{}: {e}: {line}", path.display())));
            }
        }
    }
    if let Some(e) = torn {
        tracing::warn!(path = %path.display(), "the journal holds a torn line: {e}");
    }
    Ok(entries)
}

fn ends_with_newline(path: &Path) -> io::Result<bool> {
    let content = std::fs::read(path)?;
    Ok(content.last().is_none_or(|last| *last == b'\n'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_torn_line_does_not_spoil_the_journal() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("journal.jsonl");
        let entry = |n| Entry::Deleted { at: Timestamp::from_micros(n), job: "a".into() };
        let (mut journal, before) = Journal::open(&path).unwrap();
        assert!(before.is_empty());
        journal.append(&entry(1)).unwrap();
        journal.file.write_all(br#"{"kind":"deleted","at":2"#).unwrap();
        let (mut journal, before) = Journal::open(&path).unwrap();
        assert_eq!(before, [entry(1)]);
        journal.append(&entry(3)).unwrap();
        assert_eq!(read(journal.path()).unwrap(), [entry(1), entry(3)]);
        std::fs::write(&path, "{\"kind\":\"invented\"}\n").unwrap();
        assert!(read(&path).is_err());
    }
}
