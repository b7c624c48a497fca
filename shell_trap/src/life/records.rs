//! The small files: what is known about an execution, its end, and the segment that runs on this node.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::clock;

/// A file of finished jobs stays for this long, so that a task that the framework starts once more runs nothing again.
const KEEP_FINISHED: Duration = Duration::from_secs(7 * 24 * 3600);

/// One run of the job from its fresh start to its end. In the shared directory.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Execution {
    /// A random uuid.
    pub execution: String,
    /// In seconds since 1970.
    pub started_at: f64,
}

impl Execution {
    const NAME: &'static str = "execution.json";

    /// Begins one.
    pub fn begin() -> Self {
        Execution { execution: uuid::Uuid::new_v4().to_string(), started_at: clock::unix_seconds() }
    }

    /// # Errors
    /// When it cannot be written.
    pub fn store(&self, job_dir: &Path) -> Result<()> {
        store(&job_dir.join(Self::NAME), self)
    }

    /// The one that was begun last, if any.
    pub fn load(job_dir: &Path) -> Option<Self> {
        load(&job_dir.join(Self::NAME))
    }
}

/// The job has ended by itself. In the shared directory.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finished {
    /// Which execution.
    pub execution: Execution,
    /// The last segment.
    pub segment: u64,
    /// In seconds since 1970.
    pub finished_at: f64,
    /// Of the program.
    pub exit_code: i64,
    /// Of the whole execution, in CPU-seconds of the framework's CPUs.
    pub cpu_seconds: f64,
}

impl Finished {
    const NAME: &'static str = "finished.json";

    /// # Errors
    /// When it cannot be written.
    pub fn store(&self, job_dir: &Path) -> Result<()> {
        store(&job_dir.join(Self::NAME), self)
    }

    /// # Errors
    /// When it is there and cannot be read: a finished job must not run again by mistake.
    pub fn load(job_dir: &Path) -> Result<Option<Self>> {
        let path = job_dir.join(Self::NAME);
        if !path.exists() {
            return Ok(None);
        }
        load(&path)
            .with_context(|| format!("{} cannot be read; remove it to run the job again", path.display()))
            .map(Some)
    }
}

/// What runs on this node, for an agent that is started after a crash. In the node's local directory.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Segment {
    /// The lease epoch.
    pub epoch: u64,
    /// The container's id.
    pub container: String,
    /// The control group that outlives the container.
    pub group: String,
    /// Which execution.
    pub execution: Execution,
    /// CPU-seconds of the framework's CPUs in all segments before.
    pub base: f64,
    /// The group's counters when the segment began, in nanoseconds: total and user mode.
    pub zero_ns: (u64, u64),
    /// A dump is under way.
    pub dumping: bool,
}

impl Segment {
    const NAME: &'static str = "segment.json";

    /// # Errors
    /// When it cannot be written.
    pub fn store(&self, local: &Path) -> Result<()> {
        store(&local.join(Self::NAME), self)
    }

    /// The last one of this node, if any.
    pub fn load(local: &Path) -> Option<Self> {
        load(&local.join(Self::NAME))
    }

    /// Nothing runs here any more.
    pub fn forget(local: &Path) {
        let _ = fs::remove_file(local.join(Self::NAME));
    }
}

fn load<T: DeserializeOwned>(path: &Path) -> Option<T> {
    match serde_json::from_slice(&fs::read(path).ok()?) {
        Ok(value) => Some(value),
        Err(error) => {
            tracing::warn!(path = %path.display(), %error, "cannot be read");
            None
        }
    }
}

/// Replaces the file as a whole.
fn store(path: &Path, value: &impl Serialize) -> Result<()> {
    let draft = path.with_extension("draft");
    let written = (|| -> Result<()> {
        let mut file = File::create(&draft)?;
        file.write_all(&serde_json::to_vec_pretty(value)?)?;
        file.sync_all()?;
        fs::rename(&draft, path)?;
        Ok(File::open(path.parent().context("no parent")?)?.sync_all()?)
    })();
    written.with_context(|| path.display().to_string())
}

/// Removes everything of a finished job but its end and its logs.
pub fn clear(job_dir: &Path) {
    for number in crate::checkpoint::generations::numbers(job_dir).unwrap_or_default() {
        crate::checkpoint::generations::remove(job_dir, number);
    }
    let _ = crate::checkpoint::generations::prune(job_dir, None);
    let _ = fs::remove_file(job_dir.join(Execution::NAME));
}

/// Removes what long finished jobs left in the shared directory.
pub fn sweep(shared: &Path) {
    let entries = fs::read_dir(shared).into_iter().flatten().flatten();
    for directory in entries.map(|entry| entry.path()).filter(|path| is_job(path.as_path())) {
        let old = fs::metadata(directory.join(Finished::NAME))
            .and_then(|m| m.modified())
            .ok()
            .and_then(|at| at.elapsed().ok());
        if old.is_some_and(|age| age > KEEP_FINISHED) {
            let _ = fs::remove_dir_all(&directory);
        }
    }
}

fn is_job(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    name.len() == 32 && name.bytes().all(|b| b.is_ascii_hexdigit()) && !path.is_symlink()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finished_job_that_cannot_be_read_is_no_unfinished_one() {
        let base = tempfile::tempdir().unwrap();
        assert_eq!(Finished::load(base.path()).unwrap(), None);
        let finished =
            Finished { execution: Execution::begin(), segment: 1, finished_at: 2.0, exit_code: 7, cpu_seconds: 3.5 };
        finished.store(base.path()).unwrap();
        assert_eq!(Finished::load(base.path()).unwrap(), Some(finished));
        fs::write(base.path().join("finished.json"), "{").unwrap();
        assert!(Finished::load(base.path()).is_err());
    }

    #[test]
    fn only_long_finished_jobs_are_swept() {
        let base = tempfile::tempdir().unwrap();
        let finished =
            Finished { execution: Execution::begin(), segment: 1, finished_at: 2.0, exit_code: 0, cpu_seconds: 0.0 };
        let names = ["a".repeat(32), "b".repeat(32), "c".repeat(32), "unrelated".into()];
        let directories: Vec<_> = names.iter().map(|name| base.path().join(name)).collect();
        directories.iter().for_each(|d| fs::create_dir(d).unwrap());
        for directory in [&directories[0], &directories[1], &directories[3]] {
            finished.store(directory).unwrap();
        }
        let old = std::time::SystemTime::UNIX_EPOCH;
        for directory in [&directories[0], &directories[3]] {
            File::options().write(true).open(directory.join("finished.json")).unwrap().set_modified(old).unwrap();
        }
        sweep(base.path());
        assert_eq!(directories.iter().map(|d| d.exists()).collect::<Vec<_>>(), [false, true, true, true]);
    }
}
