//! Control group files: small reads and writes with errors that name the file.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use procfs::ProcessCGroup;
use procfs::process::{MountInfo, Process};

use crate::local::executor::ExecutorError;

/// How many ordinary processes the directory of all tasks weighs as much as. With the usual weight of one, all tasks
/// together would get what one other busy process of the machine gets, far below their limits.
pub const WEIGHT_OF_ALL_TASKS: u32 = 16;

/// An error about `path`.
pub fn about(path: &Path, error: impl std::fmt::Display) -> ExecutorError {
    ExecutorError(format!("{}: {error}", path.display()))
}

/// Writes one value; the kernel judges it in this very call.
pub fn write(path: &Path, value: impl std::fmt::Display) -> Result<(), ExecutorError> {
    fs::write(path, value.to_string()).map_err(|e| about(path, format_args!("writing {value}: {e}")))
}

/// Opens a file that processes join by.
pub fn open_for_joining(directory: &Path) -> Result<File, ExecutorError> {
    let path = directory.join("cgroup.procs");
    File::options().write(true).open(&path).map_err(|e| about(&path, e))
}

/// The number in a file that holds nothing else.
pub fn number(path: &Path) -> Option<u64> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

/// Processes in the group; those that have ended and wait to be collected are not listed by the kernel.
pub fn members(directory: &Path) -> Vec<Pid> {
    let listed = fs::read_to_string(directory.join("cgroup.procs")).unwrap_or_default();
    listed.lines().filter_map(|line| line.parse().ok()).map(Pid::from_raw).collect()
}

/// Signals each member. One that ends meanwhile needs no signal.
pub fn signal_members(directory: &Path, signal: Signal) {
    for pid in members(directory) {
        let _ = kill(pid, signal);
    }
}

/// The group and all groups below it, the deepest first: in this order they can be removed.
pub fn with_all_below(directory: &Path) -> Vec<PathBuf> {
    // Each is read to its end before the next is opened: a deep tree needs no more open directories than a flat one.
    let entries: Vec<_> = fs::read_dir(directory).into_iter().flatten().flatten().collect();
    let groups = entries.iter().filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    let mut all: Vec<PathBuf> = groups.flat_map(|entry| with_all_below(&entry.path())).collect();
    all.push(directory.to_owned());
    all
}

/// Kills every process of the group and of all groups below, whoever made these and whatever they were told: one that has next
/// to no CPU, or stands still, could not end by itself.
pub fn kill_all_below(directory: &Path) {
    for group in with_all_below(directory) {
        signal_members(&group, Signal::SIGKILL);
        // After the kill: what goes on has no moment left. Version two ends what is frozen, and has no such file.
        for (file, released) in [("freezer.state", "THAWED"), ("cpu.cfs_quota_us", "-1"), ("cpu.max", "max")] {
            let file = group.join(file);
            if file.exists() {
                // The kernel refuses where the group above is what holds it; that one comes later.
                let _ = fs::write(file, released);
            }
        }
    }
}

/// Removes the group with all groups below it, which must be empty, as [`remove`].
pub fn remove_all_below(directory: &Path) {
    with_all_below(directory).iter().for_each(|group| remove(group));
}

/// Removes an empty group. The kernel says "busy" for a moment after the last member has ended.
pub fn remove(directory: &Path) {
    for attempt in 0..50 {
        match fs::remove_dir(directory) {
            Ok(()) => return,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return,
            Err(e) if attempt == 49 => tracing::warn!(directory = %directory.display(), "cannot remove: {e}"),
            Err(_) => std::thread::sleep(Duration::from_millis(5)),
        }
    }
}

/// Where this process is in the mounted hierarchy that `wanted` picks; `own` is its path from `/proc/self/cgroup`.
pub fn own_directory(mounts: &[MountInfo], own: &str, wanted: impl Fn(&MountInfo) -> bool) -> Option<PathBuf> {
    // A later mount on the same point hides an earlier one.
    let mount = mounts.iter().rev().find(|m| wanted(m))?;
    let below = Path::new(own).strip_prefix(&mount.root).unwrap_or(Path::new(""));
    let directory = mount.mount_point.join(below);
    // In a container the mount may show only its own part of the hierarchy under another name.
    Some(if directory.is_dir() { directory } else { mount.mount_point.clone() })
}

/// What is mounted, and which groups this process is in.
pub struct Surroundings {
    pub mounts: Vec<MountInfo>,
    pub groups: Vec<ProcessCGroup>,
}

/// Looks around.
pub fn surroundings() -> Result<Surroundings, ExecutorError> {
    let look = || -> procfs::ProcResult<_> {
        let me = Process::myself()?;
        Ok(Surroundings { groups: me.cgroups()?.into_iter().collect(), mounts: me.mountinfo()?.into_iter().collect() })
    };
    look().map_err(|e| ExecutorError(format!("cannot read this process's control groups: {e}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mount(line: &str) -> MountInfo {
        MountInfo::from_line(line).unwrap()
    }

    #[test]
    fn groups_below_come_before_those_that_they_are_in() {
        let there = tempfile::tempdir().unwrap();
        let at = |name: &str| there.path().join(name);
        fs::create_dir_all(at("task/job/container")).unwrap();
        fs::create_dir(at("task/agent")).unwrap();
        fs::write(at("task/cgroup.procs"), "").unwrap();
        let found = with_all_below(&at("task"));
        assert_eq!(found.len(), 4);
        assert!(
            found.iter().enumerate().all(|(i, group)| !found[i + 1..].iter().any(|later| later.starts_with(group)))
        );
        fs::remove_file(at("task/cgroup.procs")).unwrap();
        remove_all_below(&at("task"));
        assert!(!at("task").exists());
        assert_eq!(with_all_below(&at("task")), [at("task")], "one that is gone needs no care");
    }

    #[test]
    fn the_own_group_is_looked_for_below_the_mount() {
        let there = tempfile::tempdir().unwrap();
        fs::create_dir(there.path().join("sub")).unwrap();
        let line = format!("30 20 0:26 / {} rw - cgroup cgroup rw,cpu", there.path().display());
        let mounts = [mount(&line)];
        let found = |own| own_directory(&mounts, own, |m| m.fs_type == "cgroup");
        assert_eq!(found("/sub"), Some(there.path().join("sub")));
        assert_eq!(found("/not/shown/here"), Some(there.path().to_path_buf()));
        assert_eq!(own_directory(&mounts, "/", |m| m.fs_type == "cgroup2"), None);
    }
}
