//! Read-only connections, each used by one blocking task at a time.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use rusqlite::Connection;
use tokio::sync::Semaphore;

use crate::events::store::archive::Archives;
use crate::events::store::read::ReadError;
use crate::events::store::schema;

/// A pool: connections are opened when they are first needed and kept.
#[derive(Debug)]
pub(super) struct Readers {
    path: PathBuf,
    permits: Semaphore,
    idle: Mutex<Vec<Connection>>,
    archives: OnceLock<Archives>,
}

impl Readers {
    pub(super) fn new(path: PathBuf, size: usize) -> Arc<Self> {
        let permits = Semaphore::new(size.max(1));
        Arc::new(Readers { path, permits, idle: Mutex::default(), archives: OnceLock::new() })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// A connection of one's own, for a long read on the calling thread.
    pub(super) fn connect(&self) -> Result<Connection, ReadError> {
        Ok(schema::open_reader(&self.path)?)
    }

    /// Runs `ask` where it may block; waits while all connections are in use.
    pub(super) async fn run<T, F>(self: &Arc<Self>, ask: F) -> Result<T, ReadError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, ReadError> + Send + 'static,
    {
        let _permit = self.permits.acquire().await.map_err(|_| ReadError::Closed)?;
        let pool = Arc::clone(self);
        let task = tokio::task::spawn_blocking(move || {
            let kept = pool.lock().pop();
            let conn = match kept {
                Some(conn) => conn,
                None => pool.connect()?,
            };
            let answer = ask(&conn);
            // Not kept once the pool is closed, or when something is wrong with it.
            if answer.is_ok() && !pool.permits.is_closed() {
                pool.lock().push(conn);
            }
            answer
        });
        task.await.map_err(|_| ReadError::Closed)?
    }

    /// The same for events, whose data may be in archives.
    pub(super) async fn run_with_archives<T, F>(self: &Arc<Self>, ask: F) -> Result<T, ReadError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection, &Archives) -> Result<T, ReadError> + Send + 'static,
    {
        let pool = Arc::clone(self);
        self.run(move |conn| ask(conn, pool.archives.get_or_init(|| Archives::beside(conn)))).await
    }

    /// Refuses further reads and closes what is idle.
    pub(super) fn close(&self) {
        self.permits.close();
        self.lock().clear();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
