//! A log file without a store: read-only, beside a running supervisor or from a copy.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};

use crate::events::chain::Head;
use crate::events::envelope::StoredEvent;
use crate::events::store::archive::{self, CopyError, Place};
use crate::events::store::read::ReadError;
use crate::events::store::replay::{self, Replay};
use crate::events::store::schema;
use crate::qos::ids::JobId;

/// A log that is only read.
#[derive(Debug)]
pub struct OfflineLog {
    pub(super) conn: Connection,
    path: PathBuf,
}

impl OfflineLog {
    /// Opens the log file `path`; events that are still in its WAL belong to it.
    ///
    /// # Errors
    /// When there is no such file or it is no event log.
    pub fn open(path: &Path) -> Result<Self, ReadError> {
        if !path.is_file() {
            return Err(ReadError::NotALog(format!("{}: there is no such file", path.display())));
        }
        let conn = match open_readable(path) {
            Ok(conn) => conn,
            // In a directory that cannot be written SQLite reads a WAL database only as one that nobody changes, which is
            // right as long as there is no WAL.
            Err(_) if !has_wal(path) => open_immutable(path)?,
            Err(error) => return Err(not_a_log(path, error)),
        };
        Ok(OfflineLog { conn, path: path.to_owned() })
    }

    /// Calls `each` with every event of `scope`, in one consistent snapshot, until it fails.
    ///
    /// # Errors
    /// When the log cannot be read, or `each` fails.
    pub fn for_each_event<E: From<ReadError>>(
        &self,
        scope: Replay,
        each: impl FnMut(&StoredEvent) -> Result<(), E>,
    ) -> Result<(), E> {
        replay::for_each_event(&self.conn, scope, each)
    }

    /// The same, with where the data of each event is, when it is in an archive: for who walks the chain.
    ///
    /// # Errors
    /// As [`OfflineLog::for_each_event`].
    pub fn for_each_placed<E: From<ReadError>>(
        &self,
        scope: Replay,
        each: impl FnMut(&StoredEvent, Option<Place>) -> Result<(), E>,
    ) -> Result<(), E> {
        replay::for_each_placed(&self.conn, scope, each)
    }

    /// Where the log ends now.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn head(&self) -> Result<Head, ReadError> {
        Ok(schema::read_head(&self.conn)?)
    }

    /// All jobs, by their registration: uuid and name.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn jobs(&self) -> Result<Vec<(JobId, String)>, ReadError> {
        let mut query = self.conn.prepare("SELECT uuid, name FROM jobs ORDER BY position")?;
        super::read::collect(query.query([])?, |row| Ok((JobId::from_bytes(row.get(0)?), row.get(1)?)))
    }

    /// Writes a consistent copy of the whole database to the new file `to` (mode 0600), as one file without a WAL.
    ///
    /// # Errors
    /// When `to` exists already or cannot be written.
    pub fn backup_to(&self, to: &Path) -> Result<(), BackupError> {
        let io = |error| BackupError::Io { path: to.to_owned(), error };
        // Made here, so that it is never readable by others and never takes the place of another file.
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(to).map_err(io)?;
        let name = to.to_str().ok_or_else(|| BackupError::Name(to.to_owned()))?;
        if let Err(error) = self.conn.execute("VACUUM INTO ?", [name]) {
            drop(fs::remove_file(to));
            return Err(BackupError::Copy { from: self.path.clone(), error });
        }
        // SQLite does not sync what VACUUM INTO writes.
        file.sync_all().map_err(io)?;
        let dir = to.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(dir).and_then(|dir| dir.sync_all()).map_err(io)
    }

    /// Copies the archives that the log names to beside its backup `to`, which is read only with them. Backups in one directory share their
    /// archives: a file is called by what it holds, and one that is there already stays. What is wrong with those that cannot be had, by
    /// their files.
    ///
    /// # Errors
    /// When the log cannot be read, or an archive cannot be written.
    pub fn archives_to(&self, to: &Path) -> Result<Vec<(PathBuf, String)>, BackupError> {
        archive::copy(&self.conn, to).map_err(|error| match error {
            CopyError::Read(error) => BackupError::Copy { from: self.path.clone(), error },
            CopyError::Io { path, error } => BackupError::Io { path, error },
        })
    }
}

fn open_readable(path: &Path) -> rusqlite::Result<Connection> {
    let conn = schema::open_reader(path)?;
    check(&conn)?;
    Ok(conn)
}

fn open_immutable(path: &Path) -> Result<Connection, ReadError> {
    let absolute = fs::canonicalize(path).map_err(|e| ReadError::NotALog(format!("{}: {e}", path.display())))?;
    // The path is part of a URI here: these three would end it or be decoded.
    let name = absolute.to_string_lossy().replace('%', "%25").replace('?', "%3f").replace('#', "%23");
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
    let open = || -> rusqlite::Result<Connection> {
        let conn = Connection::open_with_flags(format!("file:{name}?immutable=1"), flags)?;
        check(&conn)?;
        Ok(conn)
    };
    open().map_err(|error| not_a_log(path, error))
}

/// SQLite opens anything; only the first read tells what it is.
fn check(conn: &Connection) -> rusqlite::Result<()> {
    conn.query_row("SELECT count(*) FROM (SELECT seq, stream, hash FROM events LIMIT 1)", [], |_| Ok(()))
}

fn has_wal(path: &Path) -> bool {
    let mut wal = path.as_os_str().to_owned();
    wal.push("-wal");
    fs::metadata(wal).is_ok_and(|wal| wal.len() > 0)
}

fn not_a_log(path: &Path, error: rusqlite::Error) -> ReadError {
    ReadError::NotALog(format!("{} cannot be read as an event log: {error}", path.display()))
}

/// Why a backup was not made.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The new file, or an archive beside it, cannot be made.
    #[error("{}: {error}", path.display())]
    Io {
        /// The new file, or the directory of archives.
        path: PathBuf,
        /// What the system said.
        error: std::io::Error,
    },
    /// The new file's name is no text.
    #[error("{}: the name of a backup must be UTF-8", .0.display())]
    Name(PathBuf),
    /// The database cannot be copied.
    #[error("{} cannot be copied: {error}", from.display())]
    Copy {
        /// The log.
        from: PathBuf,
        /// What SQLite said.
        error: rusqlite::Error,
    },
}
