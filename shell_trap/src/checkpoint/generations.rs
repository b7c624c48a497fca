//! The generations of a job on disk: which there are, which verifies, how one is published, and which are kept.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context as _, Result};

use super::manifest::Manifest;
use super::secure;
use crate::aside::unattended;

const PREFIX: &str = "gen-";
/// With this the name of a draft ends.
const DRAFT: &str = ".tmp";
/// Drafts that this process has begun.
static ATTEMPTS: AtomicU32 = AtomicU32::new(1);

/// A published generation that verified.
#[derive(Debug, Clone)]
pub struct Generation {
    /// Where it is.
    pub directory: PathBuf,
    /// What it is.
    pub manifest: Manifest,
}

impl Generation {
    /// The directory of CRIU's images.
    pub fn images(&self) -> PathBuf {
        self.directory.join("img")
    }

    /// The writable layer.
    pub fn layer(&self) -> PathBuf {
        self.directory.join("rw.tar")
    }
}

fn name(number: u64) -> String {
    format!("{PREFIX}{number:06}")
}

/// Numbers of all published generations, the newest first.
///
/// # Errors
/// When the job's directory cannot be read.
pub fn numbers(job_dir: &Path) -> Result<Vec<u64>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(job_dir).with_context(|| job_dir.display().to_string())? {
        let file_name = entry?.file_name();
        // Exactly the name that is given to published ones: `gen-000007.tmp` is none.
        let number =
            file_name.to_str().and_then(|text| text.strip_prefix(PREFIX)).and_then(|text| text.parse::<u64>().ok());
        found.extend(number.filter(|&n| file_name.to_str() == Some(&name(n))));
    }
    found.sort_unstable_by(|a, b| b.cmp(a));
    Ok(found)
}

/// Reads and verifies one.
///
/// # Errors
/// Why it cannot be trusted.
pub fn open(job_dir: &Path, job: &str, number: u64) -> Result<Generation> {
    let directory = job_dir.join(name(number));
    secure::check(&directory)?;
    let manifest = Manifest::read(&directory, job, number)?;
    manifest.verify(&directory)?;
    Ok(Generation { directory, manifest })
}

/// A generation in the making. What is not published is removed when this is dropped, and else at the next start.
#[derive(Debug)]
pub struct Draft {
    directory: PathBuf,
    number: u64,
}

impl Draft {
    /// The directory for CRIU's images; it exists.
    pub fn images(&self) -> PathBuf {
        self.directory.join("img")
    }

    /// Where the writable layer goes.
    pub fn layer(&self) -> PathBuf {
        self.directory.join("rw.tar")
    }

    /// The generation's number.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// All of it.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Writes the manifest and gives the directory its final name, on disk when this returns.
    ///
    /// # Errors
    /// When that fails; nothing is published then.
    pub fn publish(self, job_dir: &Path, manifest: &Manifest) -> Result<PathBuf> {
        manifest.write(&self.directory)?;
        let last = job_dir.join(name(self.number));
        fs::rename(&self.directory, &last).with_context(|| last.display().to_string())?;
        File::open(job_dir)
            .and_then(|directory| directory.sync_all())
            .with_context(|| job_dir.display().to_string())?;
        Ok(last)
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        let directory = std::mem::take(&mut self.directory);
        // After publishing there is nothing of this name.
        unattended(move || drop(fs::remove_dir_all(&directory)));
    }
}

/// Begins a generation, numbered after the newest, for the task of this epoch.
///
/// # Errors
/// When its directories cannot be made.
pub fn draft(job_dir: &Path, epoch: u64) -> Result<Draft> {
    let number = numbers(job_dir)?.first().map_or(1, |newest| newest + 1);
    // Nobody else ever writes into it: no task that has lost the job and does not know yet, and no attempt of this task
    // that was cut off and is still being removed.
    let attempt = ATTEMPTS.fetch_add(1, Ordering::Relaxed);
    let directory = job_dir.join(format!("{}.{epoch:010}-{attempt}{DRAFT}", name(number)));
    secure::make(&directory)?;
    let draft = Draft { directory, number };
    secure::make(&draft.images())?;
    Ok(draft)
}

/// Removes what crashes left.
///
/// # Errors
/// When the directory cannot be read; what cannot be removed is left for the next time.
pub fn remove_drafts(job_dir: &Path) -> Result<()> {
    for entry in fs::read_dir(job_dir).with_context(|| job_dir.display().to_string())? {
        let entry = entry?;
        let is_draft = entry.file_name().to_str().is_some_and(|text| text.starts_with(PREFIX) && text.ends_with(DRAFT));
        if is_draft {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
    Ok(())
}

/// After generation `newest` was published: keeps it and one to fall back to. That is the one that it came from, by
/// `restored`, as those between the two could not be restored; else the newest before it.
///
/// # Errors
/// As [`remove_drafts`].
pub fn prune(job_dir: &Path, newest: u64, restored: Option<u64>) -> Result<()> {
    remove_drafts(job_dir)?;
    let before = numbers(job_dir)?.into_iter().filter(|&number| number < newest);
    let before: Vec<u64> = before.collect();
    let kept = restored.filter(|number| before.contains(number)).or(before.first().copied());
    for number in before.into_iter().filter(|&number| Some(number) != kept) {
        remove(job_dir, number);
    }
    Ok(())
}

/// Removes one generation. The manifest goes first: a half-removed one does not verify.
pub fn remove(job_dir: &Path, number: u64) {
    let directory = job_dir.join(name(number));
    let _ = fs::remove_file(directory.join(super::manifest::NAME));
    let _ = fs::remove_dir_all(&directory);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::manifest::tests::sample;

    fn with(numbers: &[u64]) -> tempfile::TempDir {
        let base = tempfile::tempdir().unwrap();
        for &number in numbers {
            let directory = base.path().join(name(number));
            secure::make(&directory).unwrap();
            sample(&directory, "job", number);
        }
        base
    }

    #[test]
    fn only_published_generations_count() {
        let base = with(&[1, 12, 3]);
        fs::create_dir(base.path().join("gen-000013.tmp")).unwrap();
        fs::create_dir(base.path().join("gen-14")).unwrap();
        fs::create_dir(base.path().join("lease")).unwrap();
        assert_eq!(numbers(base.path()).unwrap(), [12, 3, 1]);
        assert_eq!(draft(base.path(), 1).unwrap().number(), 13);
    }

    #[test]
    fn the_newest_is_kept_and_the_one_that_it_came_from() {
        let base = with(&[1, 2, 3, 4]);
        fs::create_dir(base.path().join("gen-000005.tmp")).unwrap();
        prune(base.path(), 4, None).unwrap();
        assert_eq!(numbers(base.path()).unwrap(), [4, 3]);
        assert!(!base.path().join("gen-000005.tmp").exists());
        // Generations 2 and 3 could not be restored, or 4 would have come from one of them.
        let base = with(&[1, 2, 3, 4]);
        prune(base.path(), 4, Some(1)).unwrap();
        assert_eq!(numbers(base.path()).unwrap(), [4, 1]);
        // One that is gone is none to fall back to.
        let base = with(&[2, 3, 4]);
        prune(base.path(), 4, Some(1)).unwrap();
        assert_eq!(numbers(base.path()).unwrap(), [4, 3]);
    }

    #[test]
    fn a_draft_is_nothing_until_it_is_published() {
        let base = with(&[1]);
        drop(draft(base.path(), 1).unwrap());
        assert_eq!(fs::read_dir(base.path()).unwrap().count(), 1);
        let draft = draft(base.path(), 1).unwrap();
        let mut manifest = open(base.path(), "job", 1).unwrap().manifest;
        fs::write(draft.images().join("pages-1.img"), b"p").unwrap();
        manifest.files = super::super::manifest::stamp_all(draft.directory()).unwrap();
        manifest.generation = 2;
        draft.publish(base.path(), &manifest).unwrap();
        assert_eq!(open(base.path(), "job", 2).unwrap().manifest, manifest);
    }

    #[test]
    fn no_two_drafts_are_ever_in_one_directory_and_all_of_them_are_removed() {
        let base = with(&[]);
        // Of a task that has lost the job and works on, of the one that has it, and of its next attempt.
        let drafts: Vec<Draft> = [7, 8, 8].into_iter().map(|epoch| draft(base.path(), epoch).unwrap()).collect();
        fs::create_dir(base.path().join("gen-000001.tmp")).unwrap();
        drafts.iter().for_each(|draft| fs::write(draft.images().join("pages-1.img"), "x").unwrap());
        assert_eq!(fs::read_dir(base.path()).unwrap().count(), 4);
        assert_eq!(numbers(base.path()).unwrap(), Vec::<u64>::new());
        remove_drafts(base.path()).unwrap();
        assert_eq!(fs::read_dir(base.path()).unwrap().count(), 0);
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_draft_that_is_given_up_is_removed_by_another_thread() {
        let base = with(&[]);
        // Its removal, and whatever hangs in it, is not waited for here.
        drop(draft(base.path(), 1).unwrap());
        while fs::read_dir(base.path()).unwrap().next().is_some() {
            tokio::task::yield_now().await;
        }
    }

    #[test]
    fn a_generation_that_others_could_change_is_refused() {
        use std::os::unix::fs::PermissionsExt as _;
        let base = with(&[1]);
        fs::set_permissions(base.path().join(name(1)), fs::Permissions::from_mode(0o777)).unwrap();
        assert!(open(base.path(), "job", 1).is_err());
    }
}
