//! What must arrive and is not delivered yet, in the job's directory: one file per epoch, so that a task that has lost the
//! job overwrites nothing of its successor's.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::queue::Message;
use crate::files;

/// The beginning of the files' names, before the epoch.
const PREFIX: &str = "outbox-";

/// The file of an epoch.
pub fn of(job_dir: &Path, epoch: u64) -> PathBuf {
    job_dir.join(format!("{PREFIX}{epoch:010}.json"))
}

/// Replaces the file's content; without messages there is none.
///
/// # Errors
/// When that fails; what stood there stays.
pub fn write(path: &Path, messages: &[Message]) -> Result<()> {
    if !messages.is_empty() {
        return files::replace(path, &serde_json::to_vec(messages)?);
    }
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error).context("undelivered reports"),
        _ => Ok(()),
    }
}

/// What earlier tasks left.
#[derive(Debug, Default)]
pub struct Left {
    /// In the order of their making.
    pub messages: Vec<Message>,
    /// Where they were; a file that cannot be read is left for the next task, which may be luckier.
    pub files: Vec<PathBuf>,
}

/// Reads what all other epochs left.
pub fn left(job_dir: &Path, own: &Path) -> Left {
    let mut left = Left::default();
    for path in all(job_dir).into_iter().filter(|path| path != own) {
        match fs::read(&path).map(|text| serde_json::from_slice::<Vec<Message>>(&text)) {
            Ok(Ok(messages)) => {
                left.messages.extend(messages);
                left.files.push(path);
            }
            Ok(Err(error)) => {
                tracing::warn!(%error, "undelivered reports of an earlier task make no sense");
                left.files.push(path);
            }
            Err(error) => tracing::warn!(%error, "undelivered reports of an earlier task cannot be read"),
        }
    }
    left
}

/// The files of all epochs, the oldest first.
fn all(job_dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(job_dir).into_iter().flatten().flatten().map(|entry| entry.path());
    let is_outbox = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        name.starts_with(PREFIX) && name.ends_with(".json")
    };
    let mut found: Vec<PathBuf> = entries.filter(is_outbox).collect();
    found.sort();
    found
}
