//! A directory that looks like version two of control groups, for tests on machines that have the first.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use super::Cgroups;

/// The hierarchy and the processes in it.
pub struct Tree {
    base: tempfile::TempDir,
}

impl Tree {
    pub fn new() -> Self {
        let tree = Tree { base: tempfile::tempdir().unwrap() };
        fs::create_dir(tree.path("/")).unwrap();
        fs::write(tree.path("cgroup.controllers"), "cpuset cpu io memory pids\n").unwrap();
        tree
    }

    pub fn cgroups(&self) -> Cgroups {
        let mounts = format!("cgroup2 {} cgroup2 rw,nosuid,nsdelegate 0 0\n", self.path("").display());
        Cgroups::among(&mounts, &self.base.path().join("proc")).unwrap()
    }

    pub fn path(&self, group: &str) -> PathBuf {
        self.base.path().join("cgroup").join(group.trim_start_matches('/'))
    }

    /// A process that is in `group`.
    pub fn process(&self, pid: i32, group: &str) {
        let directory = self.base.path().join(format!("proc/{pid}"));
        fs::create_dir_all(&directory).unwrap();
        fs::write(directory.join("cgroup"), format!("0::{group}\n")).unwrap();
    }

    pub fn group_with_process(&self, group: &str, pid: i32) -> PathBuf {
        self.process(pid, group);
        let directory = self.path(group);
        fs::create_dir_all(&directory).unwrap();
        fs::write(directory.join("cgroup.procs"), format!("{pid}\n")).unwrap();
        directory
    }
}

/// Freezes and thaws a group as the kernel does, a while after it was told to, and never one that is held back by a quota.
pub struct Kernel {
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Kernel {
    pub fn over(group: &Path) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let (stop, group) = (over.clone(), group.to_owned());
        fs::write(group.join("cgroup.freeze"), "0\n").unwrap();
        fs::write(group.join("cgroup.events"), "populated 1\nfrozen 0\n").unwrap();
        let thread = std::thread::spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                let read = |name: &str| fs::read_to_string(group.join(name)).unwrap_or_default();
                let held_back = fs::read_dir(&group).unwrap().flatten().any(|entry| {
                    fs::read_to_string(entry.path().join("cpu.max")).is_ok_and(|quota| !quota.starts_with("max"))
                });
                let frozen = u8::from(read("cgroup.freeze").trim() == "1" && !held_back);
                // As a whole: a reader never sees half of it.
                let draft = group.join("draft");
                fs::write(&draft, format!("populated 1\nfrozen {frozen}\n")).unwrap();
                fs::rename(&draft, group.join("cgroup.events")).unwrap();
                std::thread::sleep(std::time::Duration::from_millis(2));
            }
        });
        Kernel { over, thread: Some(thread) }
    }
}

impl Drop for Kernel {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
