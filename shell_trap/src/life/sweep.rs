//! What nobody has removed from the shared directory.

use std::fs;
use std::path::Path;
use std::time::Duration;

use super::records::Finished;

/// A file of finished jobs stays for this long, so that a task that the framework starts once more runs nothing again.
const KEEP_FINISHED: Duration = Duration::from_secs(7 * 24 * 3600);
/// Checkpoints that nobody has come for stay for this long after the last renewal of the job's lease.
const KEEP_ABANDONED: Duration = Duration::from_secs(30 * 24 * 3600);

/// Removes what long finished jobs left in the shared directory, and what nobody has come for in a long time: a job that
/// was deleted leaves its last checkpoint, as its agent cannot tell that from a resize.
/// The job `own` is spared: it may have been suspended for so long.
pub fn sweep(shared: &Path, own: &str) {
    let entries = fs::read_dir(shared).into_iter().flatten().flatten().map(|entry| entry.path());
    for directory in entries.filter(|path| is_job(path.as_path()) && path.file_name().is_some_and(|name| name != own)) {
        let finished = age(&directory.join(Finished::NAME)).is_some_and(|age| age > KEEP_FINISHED);
        if finished || abandoned(&directory) {
            tracing::info!(directory = %directory.display(), "removing what is left of an old job");
            let _ = fs::remove_dir_all(&directory);
        }
    }
}

fn age(path: &Path) -> Option<Duration> {
    fs::metadata(path).and_then(|metadata| metadata.modified()).ok()?.elapsed().ok()
}

/// A lease is renewed in its file as long as the job runs. One that cannot be read is no sign of anything.
fn abandoned(directory: &Path) -> bool {
    let Ok(entries) = fs::read_dir(directory.join("lease")) else { return false };
    let ages: Option<Vec<Duration>> = entries.map(|entry| age(&entry.ok()?.path())).collect();
    ages.is_some_and(|ages| ages.into_iter().min().is_some_and(|age| age > KEEP_ABANDONED))
}

fn is_job(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    name.len() == 32 && name.bytes().all(|b| b.is_ascii_hexdigit()) && !path.is_symlink()
}

#[cfg(test)]
mod tests {
    use super::super::records::Execution;
    use super::*;
    use crate::clock;

    #[test]
    fn a_job_whose_lease_nobody_renewed_for_a_month_is_swept() {
        let base = tempfile::tempdir().unwrap();
        let day = Duration::from_secs(24 * 3600);
        for (name, days) in [("a", 31), ("b", 29), ("d", 31)] {
            let lease = base.path().join(name.repeat(32)).join("lease");
            fs::create_dir_all(&lease).unwrap();
            let file = fs::File::create(lease.join("0000000001")).unwrap();
            let now = std::time::UNIX_EPOCH + Duration::from_secs_f64(clock::unix_seconds());
            file.set_modified(now - day * days).unwrap();
        }
        fs::create_dir(base.path().join("c".repeat(32))).unwrap();
        sweep(base.path(), &"d".repeat(32));
        let there = ["a", "b", "c", "d"].map(|name| base.path().join(name.repeat(32)).exists());
        assert_eq!(there, [false, true, true, true]);
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
            fs::File::options().write(true).open(directory.join("finished.json")).unwrap().set_modified(old).unwrap();
        }
        sweep(base.path(), "");
        assert_eq!(directories.iter().map(|d| d.exists()).collect::<Vec<_>>(), [false, true, true, true]);
    }
}
