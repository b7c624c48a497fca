//! The lease in the shared directory: one file an epoch, made by a hard link, which only one of several makers gets.
//!
//! A renewal overwrites in place: that needs no space, so a full directory does not stop a job.

use std::fs::{self, File};
use std::io::{ErrorKind, Read as _};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};

use super::state::Record;
use crate::checkpoint::secure;

/// Every file has this size.
const SIZE: usize = 1024;

/// The directory with the files.
#[derive(Debug, Clone)]
pub struct LeaseDir(PathBuf);

impl LeaseDir {
    /// Makes it when it is missing.
    ///
    /// # Errors
    /// When it cannot be made, or is not root's.
    pub fn open(job_dir: &Path) -> Result<Self> {
        let directory = job_dir.join("lease");
        secure::make(&directory)?;
        Ok(LeaseDir(directory))
    }

    /// One that exists.
    pub fn existing(directory: &Path) -> Self {
        LeaseDir(directory.to_owned())
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    fn file(&self, epoch: u64) -> PathBuf {
        self.0.join(format!("{epoch:010}"))
    }

    /// Epochs that exist.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub fn epochs(&self) -> Result<Vec<u64>> {
        let entries = fs::read_dir(&self.0).with_context(|| self.0.display().to_string())?;
        Ok(entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect())
    }

    /// The record of the newest epoch.
    ///
    /// # Errors
    /// When it cannot be read; a torn one is read again.
    pub fn newest(&self) -> Result<Option<Record>> {
        let Some(epoch) = self.epochs()?.into_iter().max() else { return Ok(None) };
        let mut last = None;
        for _ in 0..5 {
            match self.read(epoch) {
                Ok(record) => return Ok(Some(record)),
                Err(error) => last = Some(error),
            }
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        last.map_or(Ok(None), Err)
    }

    fn read(&self, epoch: u64) -> Result<Record> {
        let path = self.file(epoch);
        let mut text = Vec::new();
        File::open(&path)
            .and_then(|file| file.take(SIZE as u64).read_to_end(&mut text))
            .with_context(|| path.display().to_string())?;
        let record: Record = serde_json::from_slice(&text).with_context(|| path.display().to_string())?;
        ensure!(record.epoch == epoch, "{}: is of epoch {}", path.display(), record.epoch);
        Ok(record)
    }

    /// Takes an epoch.
    ///
    /// # Errors
    /// When the file system refuses.
    pub fn take(&self, record: &Record) -> Result<Take> {
        let draft = self.0.join(format!("draft-{}", uuid::Uuid::new_v4().simple()));
        let made = (|| -> Result<bool> {
            let file = File::options().write(true).create_new(true).mode(0o600).open(&draft)?;
            file.write_all_at(&bytes(record)?, 0)?;
            file.sync_all()?;
            match fs::hard_link(&draft, self.file(record.epoch)) {
                Err(e) if e.kind() == ErrorKind::AlreadyExists => return Ok(false),
                other => other?,
            }
            File::open(&self.0)?.sync_all()?;
            Ok(true)
        })();
        let _ = fs::remove_file(&draft);
        let made = made.with_context(|| format!("taking the lease in {}", self.0.display()))?;
        if !made {
            return Ok(Take::TooLate);
        }
        let before = record.epoch.checked_sub(1).and_then(|epoch| self.read(epoch).ok());
        // Only the newest says anything; drafts are of makers that were killed.
        for old in self.epochs()?.into_iter().filter(|&epoch| epoch < record.epoch) {
            let _ = fs::remove_file(self.file(old));
        }
        Ok(Take::Taken { before })
    }

    /// Overwrites the record of an epoch that is still the newest.
    ///
    /// # Errors
    /// [`Superseded`] when somebody has taken over; else what the file system said.
    pub fn renew(&self, record: &Record) -> Result<()> {
        let newest = self.epochs()?.into_iter().max();
        if newest != Some(record.epoch) {
            bail!(Superseded { by: newest.unwrap_or(0) });
        }
        let path = self.file(record.epoch);
        let file = File::options().write(true).open(&path).with_context(|| path.display().to_string())?;
        file.write_all_at(&bytes(record)?, 0)
            .and_then(|()| file.sync_data())
            .with_context(|| path.display().to_string())?;
        match self.epochs()?.into_iter().max() {
            Some(newest) if newest == record.epoch => Ok(()),
            newest => bail!(Superseded { by: newest.unwrap_or(0) }),
        }
    }
}

fn bytes(record: &Record) -> Result<Vec<u8>> {
    let mut bytes = serde_json::to_vec(record)?;
    ensure!(bytes.len() < SIZE, "the lease's record is too long: hostname or task id");
    bytes.resize(SIZE - 1, b' ');
    bytes.push(b'\n');
    Ok(bytes)
}

/// How an attempt to take an epoch went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Take {
    /// Somebody else was faster.
    TooLate,
    /// It is ours.
    Taken {
        /// The epoch before as its holder left it: it learns of this at its next renewal.
        before: Option<Record>,
    },
}

/// Somebody else runs the job now.
#[derive(Debug)]
pub struct Superseded {
    /// The newest epoch; 0 when the files are gone.
    pub by: u64,
}

impl std::fmt::Display for Superseded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.by {
            0 => f.write_str("the lease's file is gone"),
            epoch => write!(f, "the job was taken over in epoch {epoch}"),
        }
    }
}

impl std::error::Error for Superseded {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lease::state::Holder;

    fn record(epoch: u64) -> Record {
        let holder = Holder { node: "n".into(), ..Holder::default() };
        Record { epoch, holder, lease_ms: 1000, renewals: 0, released: false, held_since: epoch }
    }

    #[test]
    fn of_many_takers_one_gets_the_epoch() {
        let base = tempfile::tempdir().unwrap();
        let lease = LeaseDir::open(base.path()).unwrap();
        let takers: Vec<_> = (0..8)
            .map(|_| {
                let lease = lease.clone();
                std::thread::spawn(move || lease.take(&record(1)).unwrap() != Take::TooLate)
            })
            .collect();
        assert_eq!(takers.into_iter().map(|t| t.join().unwrap()).filter(|&won| won).count(), 1);
        assert_eq!(lease.newest().unwrap(), Some(record(1)));
        assert_eq!(fs::read_dir(lease.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_holder_learns_that_it_was_superseded() {
        let base = tempfile::tempdir().unwrap();
        let lease = LeaseDir::open(base.path()).unwrap();
        assert_eq!(lease.take(&record(1)).unwrap(), Take::Taken { before: None });
        let renewed = Record { renewals: 1, ..record(1) };
        lease.renew(&renewed).unwrap();
        assert_eq!(lease.newest().unwrap(), Some(renewed.clone()));
        assert!(matches!(lease.take(&record(2)).unwrap(), Take::Taken { before: Some(before) } if before.epoch == 1));
        assert_eq!(lease.renew(&renewed).unwrap_err().downcast::<Superseded>().unwrap().by, 2);
        fs::remove_dir_all(lease.path()).unwrap();
        assert!(lease.renew(&renewed).is_err());
    }
}
