//! Jobs and apps on disk: one file each, replaced by a rename, so that a kill leaves the old state or the new one.

use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

/// A directory of stored jobs or apps.
#[derive(Debug)]
pub struct Store(PathBuf);

impl Store {
    /// Opens or makes the directory and reads what is in it.
    ///
    /// # Errors
    /// When that fails, or a file holds no job.
    pub fn open<Record: DeserializeOwned>(dir: &Path) -> io::Result<(Store, Vec<Record>)> {
        std::fs::create_dir_all(dir)?;
        let mut records = Vec::new();
        for entry in std::fs::read_dir(dir)? {
            let path = entry?.path();
            // What a kill left half-written has another extension.
            if path.extension().is_some_and(|extension| extension == "json") {
                let record = serde_json::from_slice(&std::fs::read(&path)?).map_err(|e| {
                    io::Error::new(io::ErrorKind::InvalidData, format!("{}: no stored job: {e}", path.display()))
                })?;
                records.push(record);
            }
        }
        Ok((Store(dir.to_owned()), records))
    }

    /// Keeps a job.
    ///
    /// # Errors
    /// When the file system refuses it.
    pub fn put(&self, name: &str, record: &impl Serialize) -> io::Result<()> {
        let path = self.path(name);
        let new = path.with_extension("new");
        std::fs::write(&new, serde_json::to_vec(record)?)?;
        std::fs::rename(new, path)
    }

    /// Forgets a job.
    ///
    /// # Errors
    /// When the file system refuses it; that there was none is no error.
    pub fn remove(&self, name: &str) -> io::Result<()> {
        match std::fs::remove_file(self.path(name)) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
            _ => Ok(()),
        }
    }

    /// A name may hold spaces and be longer than a file name: the file is named by its digest.
    fn path(&self, name: &str) -> PathBuf {
        self.0.join(format!("{}.json", &hex::encode(Sha256::digest(name.as_bytes()))[..32]))
    }
}
