//! What outlives a crash: which processes and control groups exist is on disk, and the next start ends them.
//!
//! One file for each task and one for each executor. A process is ended only when its pid AND its start time match,
//! or when it carries a task's random key; a control group, because its name is random too.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

use super::identity::{Identity, carries_key};
use super::limiter::files;
use crate::local::executor::ExecutorError;

/// How long a sweep waits for what it killed; a process in the middle of disk I/O ends only after it.
const PATIENCE: Duration = Duration::from_secs(10);

/// What one file says.
#[derive(Debug, Serialize, Deserialize)]
struct Entry {
    /// Pids and start times mean nothing in another boot.
    boot: String,
    /// For people who look into the directory.
    task: String,
    #[serde(default)]
    key: Option<String>,
    #[serde(default)]
    processes: Vec<Identity>,
    #[serde(default)]
    cgroups: Vec<PathBuf>,
}

/// The directory of one executor's records, locked as long as this lives.
#[derive(Debug)]
pub struct StateDir {
    directory: PathBuf,
    _lock: File,
}

impl StateDir {
    /// Opens the directory, made when missing, and ends what a crashed executor left. Returns how many processes.
    ///
    /// # Errors
    /// When it is not writable, or another executor uses it.
    pub fn open(directory: &Path) -> Result<(Self, usize), ExecutorError> {
        let about = |e: io::Error| ExecutorError(format!("state_dir {}: {e}", directory.display()));
        fs::create_dir_all(directory).map_err(about)?;
        let lock =
            File::options().create(true).truncate(false).write(true).open(directory.join("lock")).map_err(about)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(ExecutorError(format!(
                    "state_dir {}: another cluster or executor uses it: stop that, or give another directory",
                    directory.display()
                )));
            }
            Err(TryLockError::Error(e)) => return Err(about(e)),
        }
        let state = StateDir { directory: directory.to_path_buf(), _lock: lock };
        let ended = state.sweep().map_err(about)?;
        Ok((state, ended))
    }

    /// Starts a record of a task or an executor; `name` is a file name.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn record(&self, name: &str, task: &str, key: &str, cgroups: Vec<PathBuf>) -> Result<Record, ExecutorError> {
        let path = self.directory.join(format!("{name}.json"));
        let entry = Entry { boot: boot(), task: task.into(), key: Some(key.into()), processes: Vec::new(), cgroups };
        write(&path, &entry).map_err(|e| ExecutorError(format!("{}: {e}", path.display())))?;
        Ok(Record { path, key: key.into(), entry: Mutex::new(Some(entry)) })
    }

    fn sweep(&self) -> io::Result<usize> {
        let mut left = Vec::new();
        for file in fs::read_dir(&self.directory)?.flatten().map(|f| f.path()) {
            if file.extension().is_some_and(|e| e == "json") {
                match fs::read(&file).map(|bytes| serde_json::from_slice::<Entry>(&bytes)) {
                    Ok(Ok(entry)) if entry.boot == boot() => left.push((file, entry)),
                    // Of an earlier boot, or torn by the crash itself before its process existed.
                    _ => fs::remove_file(&file)?,
                }
            }
        }
        if left.is_empty() {
            return Ok(0);
        }
        let entries: Vec<&Entry> = left.iter().map(|(_, entry)| entry).collect();
        let ended = end_all(&entries);
        for (file, entry) in &left {
            entry.cgroups.iter().for_each(|cgroup| files::remove_all_below(cgroup));
            fs::remove_file(file)?;
        }
        Ok(ended)
    }
}

/// What is on disk about one task; removed with the task.
#[derive(Debug)]
pub struct Record {
    path: PathBuf,
    key: String,
    entry: Mutex<Option<Entry>>,
}

impl Record {
    /// The value of the task's key variable.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Replaces the list of processes. A failure is logged: the task runs on, the key still finds its processes.
    pub fn set_processes(&self, processes: &[Identity]) {
        let mut entry = self.entry.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = entry.as_mut() {
            entry.processes = processes.to_vec();
            if let Err(error) = write(&self.path, entry) {
                tracing::warn!(path = %self.path.display(), %error, "cannot record a task's processes");
            }
        }
    }

    /// The task is gone.
    pub fn remove(&self) {
        *self.entry.lock().unwrap_or_else(PoisonError::into_inner) = None;
        let _ = fs::remove_file(&self.path);
    }
}

/// A crash of this process leaves the old or the new file; after a crash of the machine neither means anything.
fn write(path: &Path, entry: &Entry) -> io::Result<()> {
    let new = path.with_extension("new");
    fs::write(&new, serde_json::to_vec(entry)?)?;
    fs::rename(new, path)
}

fn boot() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().to_owned()
}

/// Kills until nothing of these entries lives: what is killed may have forked meanwhile.
fn end_all(entries: &[&Entry]) -> usize {
    let start = Instant::now();
    let mut ended = std::collections::BTreeSet::new();
    loop {
        let living = living(entries);
        if living.is_empty() || start.elapsed() > PATIENCE {
            return ended.len();
        }
        for identity in living {
            if kill(Pid::from_raw(identity.pid), Signal::SIGKILL).is_ok() {
                ended.insert(identity);
            }
        }
        entries.iter().flat_map(|entry| &entry.cgroups).for_each(|cgroup| files::kill_all_below(cgroup));
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn living(entries: &[&Entry]) -> Vec<Identity> {
    let listed = entries.iter().flat_map(|e| &e.processes).copied();
    let in_cgroups = entries.iter().flat_map(|e| &e.cgroups).flat_map(|cgroup| cgroup_members(cgroup));
    let keys: Vec<&str> = entries.iter().filter_map(|e| e.key.as_deref()).collect();
    let everyone = procfs::process::all_processes().into_iter().flatten().flatten().map(|process| process.pid);
    let with_key = everyone.filter(|&pid| keys.iter().any(|key| carries_key(pid, key)));
    let mut all: Vec<Identity> = listed.chain(in_cgroups.chain(with_key).filter_map(Identity::now)).collect();
    all.retain(Identity::lives);
    all.sort();
    all.dedup();
    all
}

/// The processes of a control group and of all groups below it: an executor's directory holds those of tasks, and these what the
/// tasks have made.
fn cgroup_members(directory: &Path) -> Vec<i32> {
    files::with_all_below(directory).iter().flat_map(|group| files::members(group)).map(Pid::as_raw).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_with_another_start_time_is_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        let mut bystander = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let pid = i32::try_from(bystander.id()).unwrap();
        let start = Identity::now(pid).unwrap().start;
        {
            let (state, _) = StateDir::open(directory.path()).unwrap();
            let record = state.record("t", "t", "no such key", Vec::new()).unwrap();
            record.set_processes(&[Identity { pid, start: start + 1 }]);
        }
        assert_eq!(StateDir::open(directory.path()).unwrap().1, 0);
        assert!(bystander.try_wait().unwrap().is_none());

        {
            let (state, _) = StateDir::open(directory.path()).unwrap();
            state.record("t", "t", "no such key", Vec::new()).unwrap().set_processes(&[Identity { pid, start }]);
        }
        // Collected here, because only then it is gone; the sweep sees it as ended already before.
        assert_eq!(StateDir::open(directory.path()).unwrap().1, 1);
        assert!(!bystander.wait().unwrap().success());
    }

    #[test]
    fn a_directory_serves_one_executor_at_a_time() {
        let directory = tempfile::tempdir().unwrap();
        let first = StateDir::open(directory.path()).unwrap();
        let error = StateDir::open(directory.path()).unwrap_err().to_string();
        assert!(error.contains("another cluster or executor"), "{error}");
        drop(first);
        assert!(StateDir::open(directory.path()).is_ok());
    }
}
