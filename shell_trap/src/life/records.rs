//! The small files: what is known about an execution, its end, and the segment that runs on this node.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::{clock, files};

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

    /// The one that was begun last, if any. One that is there and makes no sense counts as none: each generation names
    /// its own.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub fn load(job_dir: &Path) -> Result<Option<Self>> {
        sensible(&job_dir.join(Self::NAME))
    }
}

/// Tasks that could not restore generations that verified, by generation. In the shared directory: what one node cannot
/// restore another one may.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Failures(BTreeMap<u64, Vec<Failure>>);

/// One of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Failure {
    /// Where, as leases name nodes.
    pub node: String,
    /// In seconds since 1970.
    pub at: f64,
}

impl Failures {
    const NAME: &'static str = "restore-failures.json";

    /// # Errors
    /// When the directory cannot be read.
    pub fn load(job_dir: &Path) -> Result<Self> {
        Ok(sensible(&job_dir.join(Self::NAME))?.unwrap_or_default())
    }

    /// Tasks that failed with this generation.
    pub fn of(&self, generation: u64) -> usize {
        self.0.get(&generation).map_or(0, Vec::len)
    }

    /// Counts one more. One of the same node within `apart` says nothing new: whatever is wrong there is wrong still.
    pub fn add(&mut self, generation: u64, failure: Failure, apart: Duration) {
        let failures = self.0.entry(generation).or_default();
        let same = |known: &Failure| known.node == failure.node && (failure.at - known.at).abs() < apart.as_secs_f64();
        if !failures.iter().any(same) {
            failures.push(failure);
        }
    }

    /// # Errors
    /// When it cannot be written.
    pub fn store(&self, job_dir: &Path) -> Result<()> {
        store(&job_dir.join(Self::NAME), self)
    }

    /// A generation has been restored: what failed before is over.
    ///
    /// # Errors
    /// None: what cannot be removed does no harm.
    pub fn forget(job_dir: &Path) -> Result<()> {
        let _ = fs::remove_file(job_dir.join(Self::NAME));
        Ok(())
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
    /// The file's name.
    pub const NAME: &'static str = "finished.json";

    /// # Errors
    /// When it cannot be written.
    pub fn store(&self, job_dir: &Path) -> Result<()> {
        store(&job_dir.join(Self::NAME), self)
    }

    /// # Errors
    /// When it is there and cannot be read: a finished job must not run again by mistake.
    pub fn load(job_dir: &Path) -> Result<Option<Self>> {
        let path = job_dir.join(Self::NAME);
        let parsed = files::read(&path)?.map(|text| serde_json::from_slice(&text)).transpose();
        parsed.with_context(|| format!("{} cannot be read; remove it to run the job again", path.display()))
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
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub fn load(local: &Path) -> Result<Option<Self>> {
        sensible(&local.join(Self::NAME))
    }

    /// Nothing of segment `epoch` and earlier ones runs here any more. What a later task has written down stays.
    pub fn forget(local: &Path, epoch: u64) {
        if !matches!(Self::load(local), Ok(Some(later)) if later.epoch > epoch) {
            let _ = fs::remove_file(local.join(Self::NAME));
        }
    }
}

/// The last segment of this node whose start is told, or on disk to be told; 0 when nobody knows of any. In a file of its own:
/// it is written when that is so, whatever the segment does by then.
pub fn told(local: &Path) -> u64 {
    fs::read_to_string(local.join(TOLD)).ok().and_then(|text| text.trim().parse().ok()).unwrap_or(0)
}

/// The start of segment `epoch` is told, or on disk to be told.
///
/// # Errors
/// When that cannot be written down.
pub fn note_told(local: &Path, epoch: u64) -> Result<()> {
    files::replace(&local.join(TOLD), epoch.to_string().as_bytes())
}

const TOLD: &str = "told";

/// What does not parse is said and counts as missing.
fn sensible<T: DeserializeOwned>(path: &Path) -> Result<Option<T>> {
    let Some(text) = files::read(path)? else { return Ok(None) };
    Ok(serde_json::from_slice(&text)
        .inspect_err(|error| tracing::warn!(path = %path.display(), %error, "cannot be read"))
        .ok())
}

fn store(path: &Path, value: &impl Serialize) -> Result<()> {
    files::replace(path, &serde_json::to_vec_pretty(value)?)
}

/// Removes everything of a finished job but its end and its logs.
///
/// # Errors
/// None: what cannot be removed is removed with the rest, some time.
pub fn clear(job_dir: &Path) -> Result<()> {
    for number in crate::checkpoint::generations::numbers(job_dir).unwrap_or_default() {
        crate::checkpoint::generations::remove(job_dir, number);
    }
    let _ = crate::checkpoint::generations::remove_drafts(job_dir);
    let _ = fs::remove_file(job_dir.join(Execution::NAME));
    Failures::forget(job_dir)
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
    fn a_task_forgets_its_own_segment_and_not_that_of_its_successor_on_the_node() {
        let base = tempfile::tempdir().unwrap();
        let segment = |epoch| Segment {
            epoch,
            container: "c".into(),
            group: "/g".into(),
            execution: Execution::begin(),
            base: 0.0,
            zero_ns: (0, 0),
            dumping: false,
        };
        segment(5).store(base.path()).unwrap();
        Segment::forget(base.path(), 4);
        assert_eq!(Segment::load(base.path()).unwrap().map(|segment| segment.epoch), Some(5));
        Segment::forget(base.path(), 5);
        assert_eq!(Segment::load(base.path()).unwrap(), None);
        fs::write(base.path().join(Segment::NAME), "{").unwrap();
        Segment::forget(base.path(), 1);
        assert!(!base.path().join(Segment::NAME).exists(), "what makes no sense is nobody's");
    }

    #[test]
    fn what_cannot_be_read_does_not_count_as_missing() {
        let base = tempfile::tempdir().unwrap();
        assert_eq!(Execution::load(base.path()).unwrap(), None);
        // Reading a directory is an error of the file system, as a file server's that has forgotten a handle.
        fs::create_dir(base.path().join("execution.json")).unwrap();
        assert!(Execution::load(base.path()).is_err());
        fs::create_dir(base.path().join("finished.json")).unwrap();
        assert!(Finished::load(base.path()).is_err());
        fs::write(base.path().join("restore-failures.json"), "{").unwrap();
        let mut failures = Failures::load(base.path()).unwrap();
        let mut fail = |node: &str, at: f64| {
            let failure = Failure { node: node.into(), at };
            failures.add(4, failure, Duration::from_secs(60));
            failures.store(base.path()).unwrap();
            (Failures::load(base.path()).unwrap().of(4), failures.of(3))
        };
        assert_eq!(fail("a", 100.0), (1, 0));
        assert_eq!(fail("a", 159.0), (1, 0), "the same trouble of the same node");
        assert_eq!(fail("b", 160.0), (2, 0));
        assert_eq!(fail("a", 161.0), (3, 0));
        Failures::forget(base.path()).unwrap();
        assert_eq!(Failures::load(base.path()).unwrap(), Failures::default());
    }
}
