//! Never two nodes for one job: an epoch file in the shared directory, renewed by its holder and waited out by takers.

pub mod file;
pub mod guard;
mod process;
pub mod state;
mod taking;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Result;

use self::file::{LeaseDir, Superseded};
use self::state::{Holder, Record};
use crate::aside::aside_within;
use crate::clock;

pub use process::this_process;
pub use taking::{Predecessor, take_job};

/// A look at a shared directory that takes longer has failed; its file server may be away.
const LOOK: Duration = Duration::from_secs(10);

/// A lease that is held.
#[derive(Debug)]
pub struct Lease {
    directory: LeaseDir,
    record: Record,
    renewed_at: Duration,
    /// It was taken at once from a process of this node that is dead, and what that one left may run on here: the validity
    /// of its lease in milliseconds. Nobody else may take the job at once then.
    left_here_ms: Option<u64>,
    /// The last renewal that is written, by its number: one that nobody waited for to its end overwrites no later one.
    written: Arc<Mutex<u64>>,
}

impl Lease {
    /// The epoch, which is the number of the segment.
    pub fn epoch(&self) -> u64 {
        self.record.epoch
    }

    /// Who holds it: this process.
    pub fn holder(&self) -> &Holder {
        &self.record.holder
    }

    /// Its files.
    pub fn directory(&self) -> &LeaseDir {
        &self.directory
    }

    /// How long it is valid after a renewal.
    pub fn length(&self) -> Duration {
        Duration::from_millis(self.record.lease_ms)
    }

    /// When the container must stand still, unless it is renewed before.
    pub fn pause_at(&self) -> Duration {
        state::pause_at(self.renewed_at, self.length())
    }

    /// Renews it.
    ///
    /// # Errors
    /// [`Superseded`] when somebody took over; else the failure of the shared directory, to be tried again.
    pub async fn renew(&mut self) -> Result<()> {
        let began = clock::since_boot();
        // Counted before it is done: one that nobody waited for to its end may have been seen, and the next must look new.
        self.record.renewals += 1;
        let record = self.record.clone();
        let written = self.written.clone();
        blocking(&self.directory, move |directory| write(directory, &written, &record)).await?;
        self.renewed_at = began;
        Ok(())
    }

    /// Nothing runs here any more of what the holder before may have left.
    pub fn settle(&mut self) {
        self.left_here_ms = None;
    }

    /// Gives it back: the next may start at once. Where the holder before may have left something that runs, only the next
    /// on this node may, which finds it; others wait until that stands still.
    ///
    /// # Errors
    /// As [`Lease::renew`].
    pub async fn release(mut self) -> Result<()> {
        match self.left_here_ms {
            None => self.record.released = true,
            Some(left) => self.record.lease_ms = self.record.lease_ms.max(left),
        }
        self.renew().await
    }
}

/// Writes a renewal, unless a later one is written.
fn write(directory: &LeaseDir, written: &Mutex<u64>, record: &Record) -> Result<()> {
    // Held for as long as the file is being written: the number is of the last that was.
    let mut last = written.lock().unwrap_or_else(PoisonError::into_inner);
    if *last < record.renewals {
        directory.renew(record)?;
        *last = record.renewals;
    }
    Ok(())
}

/// Did somebody take over?
pub fn is_superseded(error: &anyhow::Error) -> bool {
    error.downcast_ref::<Superseded>().is_some()
}

async fn blocking<T: Send + 'static>(
    directory: &LeaseDir,
    work: impl FnOnce(&LeaseDir) -> Result<T> + Send + 'static,
) -> Result<T> {
    let directory = directory.clone();
    aside_within(LOOK, move || work(&directory)).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "current_thread")]
    async fn a_renewal_that_nobody_waits_for_any_more_does_not_undo_the_giving_back() {
        let base = tempfile::tempdir().unwrap();
        let directory = LeaseDir::open(base.path()).unwrap();
        let (length, grace) = (Duration::from_secs(3), Duration::from_millis(500));
        let us = this_process("here", None);
        let taken = Lease::take(directory.clone(), us, length, grace, std::future::pending()).await;
        let (mut lease, _) = taken.unwrap().unwrap();
        let written = lease.written.clone();
        let (held, is_held) = std::sync::mpsc::channel();
        let (let_go, wait) = std::sync::mpsc::channel::<()>();
        // As a file server that is slow.
        let slow = std::thread::spawn(move || {
            let _last = written.lock().unwrap();
            held.send(()).unwrap();
            wait.recv().unwrap();
        });
        is_held.recv().unwrap();
        assert!(tokio::time::timeout(Duration::from_millis(50), lease.renew()).await.is_err(), "it is under way");
        let (written, late) = (lease.written.clone(), lease.record.clone());
        let releasing = tokio::spawn(lease.release());
        tokio::time::sleep(Duration::from_millis(50)).await;
        let_go.send(()).unwrap();
        releasing.await.unwrap().unwrap();
        slow.join().unwrap();
        // Both threads are through with the file.
        while Arc::strong_count(&written) > 1 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        // Its thread may as well come last.
        write(&directory, &written, &late).unwrap();
        let newest = directory.newest().unwrap().unwrap();
        assert_eq!((late.renewals, newest.released, newest.renewals), (1, true, 2));
    }
}
