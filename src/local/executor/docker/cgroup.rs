//! Where a container's CPU time is counted, and how it stays readable after the container's end.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use procfs::process::{MountInfo, Process};

use super::api::Info;
use crate::local::executor::process::limiter::cgroup::Reading;
use crate::local::executor::process::limiter::{cgroup_v1, cgroup_v2, files};
use crate::local::executor::usage::UsageMeter;
use crate::local::executor::{CpuUsage, ExecutorError};

/// The daemon's control groups as they are mounted here.
#[derive(Debug, Clone)]
pub struct Hierarchies {
    v2: bool,
    /// Whether a group of our own can be put above a container: it keeps the counters when the container's own is gone.
    keeps_parents: bool,
    mounts: Vec<PathBuf>,
    /// The mount of the hierarchy that counts CPU time.
    counting: PathBuf,
}

impl Hierarchies {
    /// Looks for the hierarchies that `info` speaks of.
    ///
    /// # Errors
    /// When they are not mounted here: the daemon works somewhere else.
    pub fn of(info: &Info) -> Result<Self, ExecutorError> {
        let v2 = info.cgroup_version == "2";
        let mounts = files::surroundings()?.mounts;
        let kind = if v2 { "cgroup2" } else { "cgroup" };
        let counts = |mount: &&MountInfo| mount.fs_type == kind && (v2 || mount.super_options.contains_key("cpuacct"));
        let counting = mounts.iter().find(counts);
        let counting = counting.ok_or_else(|| {
            ExecutorError("the docker daemon's control groups are not mounted here: its CPU time cannot be read".into())
        })?;
        let all = mounts.iter().filter(|mount| ["cgroup", "cgroup2"].contains(&mount.fs_type.as_str()));
        Ok(Hierarchies {
            v2,
            keeps_parents: info.cgroup_driver == "cgroupfs",
            counting: counting.mount_point.clone(),
            // Beside v1 hierarchies the runtime uses a v2 one, too, where there is one.
            mounts: all.map(|mount| mount.mount_point.clone()).collect(),
        })
    }

    /// The group above a container named `name`, if the daemon lets one be kept.
    pub fn parent(&self, name: &str) -> Option<String> {
        self.keeps_parents.then(|| format!("/{name}"))
    }

    /// The directories of that group in all hierarchies.
    pub fn directories(&self, parent: &str) -> Vec<PathBuf> {
        self.mounts.iter().map(|mount| below(mount, parent)).collect()
    }

    /// The directory whose counters tell a container's CPU time; `pid` is its main process.
    pub fn counters(&self, parent: Option<&str>, pid: i32) -> Option<PathBuf> {
        if let Some(parent) = parent {
            return Some(below(&self.counting, parent));
        }
        let groups = Process::new(pid).and_then(|process| process.cgroups()).ok()?;
        let counts = |controllers: &[String]| {
            if self.v2 { controllers.iter().all(String::is_empty) } else { controllers.iter().any(|c| c == "cpuacct") }
        };
        let group = groups.into_iter().find(|group| counts(&group.controllers))?;
        Some(below(&self.counting, &group.pathname))
    }

    /// Reads the counters.
    pub fn read(&self, directory: &Path) -> Option<Reading> {
        if self.v2 { cgroup_v2::read(directory) } else { cgroup_v1::read(directory) }
    }
}

fn below(mount: &Path, group: &str) -> PathBuf {
    mount.join(group.trim_start_matches('/'))
}

/// A container's CPU time.
#[derive(Debug)]
pub struct Counter {
    hierarchies: Hierarchies,
    directory: Option<PathBuf>,
    meter: Mutex<UsageMeter>,
}

impl Counter {
    /// Counts what `directory` counts.
    pub fn new(hierarchies: Hierarchies, directory: Option<PathBuf>) -> Self {
        Counter { hierarchies, directory, meter: Mutex::default() }
    }

    /// CPU time so far; when the counters are gone, what they said last.
    pub fn usage(&self) -> CpuUsage {
        let reading = self.directory.as_ref().and_then(|directory| self.hierarchies.read(directory));
        let mut meter = self.meter.lock().unwrap_or_else(PoisonError::into_inner);
        match reading {
            Some(Reading { total, user, system }) => meter.advance(total, user, system),
            None => meter.last(),
        }
    }
}
