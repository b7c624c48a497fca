//! How a store is opened and why it may not open.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use crate::events::store::writer::OnUnknownOutcome;

/// How a store is opened; the defaults are right for production.
#[derive(Clone)]
pub struct StoreOptions {
    /// Messages that may wait for the writer; one more gets `Overloaded`.
    pub queue_capacity: usize,
    /// Read-only connections that work at the same time.
    pub readers: usize,
    /// Committed appends that a slow subscriber may lag behind before it has to read the log instead.
    pub broadcast_capacity: usize,
    /// Opens even on a network file system, where locks and the shared memory of the WAL may not work.
    pub allow_network_file_system: bool,
    /// Called when nobody can know whether a commit is on disk; by default the process aborts.
    pub on_unknown_outcome: OnUnknownOutcome,
}

impl Default for StoreOptions {
    fn default() -> Self {
        StoreOptions {
            queue_capacity: 4096,
            readers: 4,
            broadcast_capacity: 4096,
            allow_network_file_system: false,
            on_unknown_outcome: Arc::new(|_| std::process::abort()),
        }
    }
}

impl fmt::Debug for StoreOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreOptions")
            .field("queue_capacity", &self.queue_capacity)
            .field("readers", &self.readers)
            .field("broadcast_capacity", &self.broadcast_capacity)
            .field("allow_network_file_system", &self.allow_network_file_system)
            .finish_non_exhaustive()
    }
}

/// Why a store does not open.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process uses the data directory.
    #[error("{} is in use by {}: stop it, or give another data directory", path.display(), holder(.pid))]
    Locked {
        /// The data directory.
        path: PathBuf,
        /// The other process, if it has said who it is.
        pid: Option<u32>,
    },
    /// The data directory is not on a local disk.
    #[error(
        "{} is on a network file system ({kind}), where an acknowledged event may be lost: use a local disk, \
         or allow it explicitly", path.display()
    )]
    NetworkFileSystem {
        /// The data directory.
        path: PathBuf,
        /// The file system's name.
        kind: String,
    },
    /// Written by a newer version of the program.
    #[error("the event log has schema {found}, this version knows up to {known}: use the newer version")]
    SchemaNewer {
        /// The database's schema.
        found: i64,
        /// The newest schema that is known.
        known: i64,
    },
    /// The file system cannot do what the WAL needs.
    #[error("SQLite keeps the journal mode `{mode}` here, but the event log needs WAL: use a local disk")]
    NoWal {
        /// The journal mode.
        mode: String,
    },
    /// A file cannot be used.
    #[error("{}: {error}", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        error: std::io::Error,
    },
    /// The database says no.
    #[error("the event log cannot be opened: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// The schema cannot be brought up to date.
    #[error("the event log's schema cannot be brought up to date: {0}")]
    Migration(#[from] refinery::Error),
}

fn holder(pid: &Option<u32>) -> String {
    match pid {
        Some(pid) => format!("process {pid}"),
        None => "another process".to_owned(),
    }
}
