//! What streams add up to, kept beside the log so that a start need not read them from their beginnings: a cache, and never the truth.
//!
//! A file of its own, and no table of the log: the log's schema, backups, exports and archives know nothing of it, writing it never holds
//! up the log's writer, and it may be deleted at any time, which costs the next start time and nothing else. It is a SQLite database, so
//! that single snapshots can be replaced while the others stay, and a crash leaves the old ones or the new ones.
//!
//! The file is of one program, which its key tells; another program's is refused. Each snapshot is protected by a digest over itself and the
//! key. Whether it fits the log is for the reader to find out, by the hash of its event: the chain makes it stand for all events before.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags, OptionalExtension, params};
use sha2::{Digest, Sha256};

use crate::events::chain::EventHash;
use crate::events::envelope::{StreamId, Version};
use crate::events::store::options::OpenError;
use crate::events::store::{lock, schema};

/// The file's name in the data directory.
pub const SNAPSHOTS: &str = "snapshots.db";

/// What SQLite puts beside a database.
const BESIDE: [&str; 3] = ["-wal", "-shm", "-journal"];

const TABLES: &str = "
    CREATE TABLE program (key TEXT NOT NULL) STRICT;
    CREATE TABLE snapshots (
        stream  BLOB PRIMARY KEY,
        version INTEGER NOT NULL,
        hash    BLOB NOT NULL,
        state   BLOB NOT NULL,
        digest  BLOB NOT NULL
    ) STRICT;";

/// What a stream adds up to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// The last event that is in it.
    pub version: Version,
    /// The hash of that event.
    pub hash: EventHash,
    /// As its program writes it.
    pub state: Vec<u8>,
}

/// Why a file of snapshots cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// The database says no.
    #[error("{}: {error}", path.display())]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        error: rusqlite::Error,
    },
    /// The file system says no.
    #[error("{}: {error}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// Another version of the program has written it.
    #[error("{} was written by another version of this program", path.display())]
    Other {
        /// The file.
        path: PathBuf,
    },
}

/// Where the snapshots of one data directory are. Nothing is opened or made by naming it.
#[derive(Debug, Clone)]
pub struct SnapshotFile {
    path: PathBuf,
    key: String,
}

/// An open file of snapshots.
pub struct Snapshots {
    conn: Connection,
    file: SnapshotFile,
}

impl SnapshotFile {
    /// The file in `data_dir`, as the program writes and reads it that `key` tells from all others.
    pub fn new(data_dir: &Path, key: String) -> Self {
        SnapshotFile { path: data_dir.join(SNAPSHOTS), key }
    }

    /// Opens it for reading; none when there is no such file.
    ///
    /// # Errors
    /// When it cannot be read, or is not of this program.
    pub fn open(&self) -> Result<Option<Snapshots>, SnapshotError> {
        if !self.path.try_exists().map_err(|error| self.io(error))? {
            return Ok(None);
        }
        let conn = schema::open_reader(&self.path).map_err(|error| self.sqlite(error))?;
        // One transaction for all that is read: none of thousands of questions locks the file again.
        conn.execute_batch("BEGIN").map_err(|error| self.sqlite(error))?;
        self.opened(conn).map(Some)
    }

    /// Opens it for writing. A file that is missing, damaged or of another program is made anew.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn open_or_make(&self) -> Result<Snapshots, SnapshotError> {
        if let Ok(conn) = self.connect()
            && let Ok(snapshots) = self.opened(conn)
        {
            return Ok(snapshots);
        }
        self.remove()?;
        drop(lock::private_file(&self.path).map_err(|error| match error {
            OpenError::Io { error, .. } => self.io(error),
            other => self.io(io::Error::other(other)),
        })?);
        let conn = self.connect().map_err(|error| self.sqlite(error))?;
        let make = || -> rusqlite::Result<()> {
            let transaction = conn.unchecked_transaction()?;
            transaction.execute_batch(TABLES)?;
            transaction.execute("INSERT INTO program VALUES (?)", [&self.key])?;
            transaction.commit()
        };
        make().map_err(|error| self.sqlite(error))?;
        Ok(Snapshots { conn, file: self.clone() })
    }

    /// Deletes it.
    ///
    /// # Errors
    /// When it is there and cannot be deleted.
    pub fn remove(&self) -> Result<(), SnapshotError> {
        let beside = BESIDE.iter().map(|suffix| {
            let mut name = self.path.clone().into_os_string();
            name.push(suffix);
            PathBuf::from(name)
        });
        for path in [self.path.clone()].into_iter().chain(beside) {
            match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(self.io(error)),
                _ => {}
            }
        }
        Ok(())
    }

    fn connect(&self) -> rusqlite::Result<Connection> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let conn = Connection::open_with_flags(&self.path, flags)?;
        // A transaction syncs nothing, so that the log's own syncs do not wait for it; a power loss may take the newest ones back.
        conn.pragma_update(None, "journal_mode", "WAL")?;
        conn.pragma_update(None, "synchronous", "NORMAL")?;
        Ok(conn)
    }

    fn opened(&self, conn: Connection) -> Result<Snapshots, SnapshotError> {
        let ask = |conn: &Connection| conn.query_row("SELECT key FROM program", [], |row| row.get::<_, String>(0));
        if ask(&conn).map_err(|error| self.sqlite(error))? != self.key {
            return Err(SnapshotError::Other { path: self.path.clone() });
        }
        Ok(Snapshots { conn, file: self.clone() })
    }

    fn sqlite(&self, error: rusqlite::Error) -> SnapshotError {
        SnapshotError::Sqlite { path: self.path.clone(), error }
    }

    fn io(&self, error: io::Error) -> SnapshotError {
        SnapshotError::Io { path: self.path.clone(), error }
    }
}

impl Snapshots {
    /// The snapshot of `stream`; none when there is none or its digest is not what it says.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn get(&self, stream: StreamId) -> Result<Option<Snapshot>, SnapshotError> {
        let ask = || {
            let sql = "SELECT version, hash, state, digest FROM snapshots WHERE stream = ?";
            let mut query = self.conn.prepare_cached(sql)?;
            let found = query.query_row(params![stream.as_bytes()], |row| {
                let version = Version(row.get::<_, i64>(0)?.unsigned_abs());
                let snapshot = Snapshot { version, hash: EventHash(row.get(1)?), state: row.get(2)? };
                Ok((snapshot, row.get::<_, Vec<u8>>(3)?))
            });
            found.optional()
        };
        let found = ask().map_err(|error| self.file.sqlite(error))?;
        Ok(found.filter(|(snapshot, digest)| self.digest(stream, snapshot)[..] == digest[..]).map(|(kept, _)| kept))
    }

    /// The streams of which there are snapshots.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn streams(&self) -> Result<Vec<StreamId>, SnapshotError> {
        let ask = || {
            let mut query = self.conn.prepare("SELECT stream FROM snapshots")?;
            let streams = query.query_map([], |row| row.get::<_, Vec<u8>>(0))?;
            streams.collect::<rusqlite::Result<Vec<_>>>()
        };
        let found = ask().map_err(|error| self.file.sqlite(error))?;
        Ok(found.iter().filter_map(|stream| StreamId::from_bytes(stream)).collect())
    }

    /// Puts these snapshots in the place of the older ones of their streams, all of them or none.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn put(&mut self, kept: &[(StreamId, Snapshot)]) -> Result<(), SnapshotError> {
        let write = || -> rusqlite::Result<()> {
            let transaction = self.conn.unchecked_transaction()?;
            {
                let mut insert =
                    transaction.prepare_cached("INSERT OR REPLACE INTO snapshots VALUES (?, ?, ?, ?, ?)")?;
                for (stream, snapshot) in kept {
                    let version = i64::try_from(snapshot.version.0).unwrap_or(i64::MAX);
                    let digest = self.digest(*stream, snapshot);
                    insert.execute(params![stream.as_bytes(), version, snapshot.hash.0, snapshot.state, digest])?;
                }
            }
            transaction.commit()
        };
        write().map_err(|error| self.file.sqlite(error))
    }

    /// Drops the snapshots of these streams.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn forget(&mut self, streams: &[StreamId]) -> Result<(), SnapshotError> {
        let write = || -> rusqlite::Result<()> {
            let transaction = self.conn.unchecked_transaction()?;
            for stream in streams {
                transaction.execute("DELETE FROM snapshots WHERE stream = ?", params![stream.as_bytes()])?;
            }
            transaction.commit()
        };
        write().map_err(|error| self.file.sqlite(error))
    }

    /// SHA-256 over the program's key and all fields, each with its length before it.
    fn digest(&self, stream: StreamId, snapshot: &Snapshot) -> [u8; 32] {
        let mut digest = Sha256::new();
        let version = snapshot.version.0.to_be_bytes();
        for field in [self.file.key.as_bytes(), stream.as_bytes(), &version, &snapshot.hash.0, &snapshot.state] {
            digest.update((field.len() as u64).to_be_bytes());
            digest.update(field);
        }
        digest.finalize().into()
    }
}
