//! A control group of the demo's own around the job: the kernel counts in it what the job uses over all its segments, whoever
//! starts, limits and reports them.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail};
use procfs::process::{MountInfo, Process};
use shell_trap::cgroup::Cgroups;

/// How many ordinary processes the job weighs as much as: its limit is to hold it back, not other work on this machine.
const WEIGHT: u64 = 16;
/// What the names of all of them begin with; the number of the demo's process follows.
const PREFIX: &str = "mesos-qos-demo-";
/// The name that this process moves into where control groups have one version only; see the process executor.
const OWN_LEAF: &str = "mesos-qos-self";

/// The group; removed when this is dropped.
#[derive(Debug)]
pub struct Meter {
    cgroups: Cgroups,
    /// From the root of the hierarchy, as the agent and Docker take it.
    name: String,
}

impl Meter {
    /// Makes it, at the root of the hierarchies or below this process's own groups.
    ///
    /// # Errors
    /// Why no group can be had here.
    pub fn make() -> anyhow::Result<Self> {
        sweep();
        let cgroups = Cgroups::find()?;
        let root = cgroups.directory("/");
        let own = cgroups.of_process(std::process::id().cast_signed())?;
        let base = if own.ends_with(OWN_LEAF) { own.parent().unwrap_or(&own) } else { &own };
        let below_own = base.strip_prefix(&root).unwrap_or(Path::new("")).to_path_buf();
        let mut why = None;
        for place in [PathBuf::new(), below_own] {
            let name = format!("/{}", place.join(format!("{PREFIX}{}", std::process::id())).display());
            let meter = Meter { cgroups: cgroups.clone(), name };
            match meter.prepare() {
                Ok(()) => return Ok(meter),
                Err(error) => why = why.or(Some(error)),
            }
        }
        match why {
            Some(error) => Err(error),
            None => bail!("there is no place for a control group"),
        }
    }

    fn prepare(&self) -> anyhow::Result<()> {
        let directory = self.cgroups.directory(&self.name);
        let make = |directory: &Path| fs::create_dir(directory).with_context(|| directory.display().to_string());
        let write = |file: PathBuf, text: &str| fs::write(&file, text).with_context(|| file.display().to_string());
        make(&directory)?;
        if directory.join("cgroup.controllers").exists() {
            // The job's own group in it is to have a limit.
            write(directory.join("cgroup.subtree_control"), "+cpu")?;
            return write(directory.join("cpu.weight"), &(100 * WEIGHT).to_string());
        }
        let limits = hierarchy("cpu").context("no control group hierarchy with the controller cpu is mounted")?;
        let limits = limits.join(self.name.trim_start_matches('/'));
        // The two may be mounted together.
        if !limits.exists() {
            make(&limits)?;
        }
        write(limits.join("cpu.shares"), &(1024 * WEIGHT).to_string())
    }

    /// Its name from the root of the hierarchy.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// CPU time of everything that ran in it so far.
    ///
    /// # Errors
    /// When the kernel does not say.
    pub fn cpu_time(&self) -> anyhow::Result<Duration> {
        Ok(self.cgroups.cpu_time(&self.cgroups.directory(&self.name))?.total)
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        let name = self.name.trim_start_matches('/');
        let directories: Vec<PathBuf> = mounts().into_iter().map(|mount| mount.mount_point.join(name)).collect();
        for _ in 0..100 {
            // What a killed agent left goes with it; and the kernel says "busy" for a moment after the last member has ended.
            directories.iter().for_each(|directory| remove(directory));
            if !directories.iter().any(|directory| directory.exists()) {
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        tracing::warn!(name = self.name, "the control group around the job cannot be removed");
    }
}

/// Groups of demos that were killed.
fn sweep() {
    let entries =
        mounts().into_iter().flat_map(|mount| fs::read_dir(mount.mount_point).into_iter().flatten().flatten());
    for entry in entries {
        let name = entry.file_name().to_string_lossy().into_owned();
        let process = name.strip_prefix(PREFIX).map(|number| Path::new("/proc").join(number));
        if process.is_some_and(|process| !process.exists()) {
            remove(&entry.path());
        }
    }
}

/// A group and those in it, as far as they are empty.
fn remove(directory: &Path) {
    let inner = fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.path());
    inner.filter(|path| path.is_dir()).for_each(|path| remove(&path));
    let _ = fs::remove_dir(directory);
}

/// All hierarchies of both versions: Docker makes a group in each of them.
fn mounts() -> Vec<MountInfo> {
    let mounts = Process::myself().and_then(|process| process.mountinfo());
    mounts.into_iter().flatten().filter(|m| m.fs_type == "cgroup" || m.fs_type == "cgroup2").collect()
}

/// Where the hierarchy of a controller of version one is mounted.
fn hierarchy(controller: &str) -> Option<PathBuf> {
    let mount = mounts().into_iter().find(|m| m.fs_type == "cgroup" && m.super_options.contains_key(controller))?;
    Some(mount.mount_point)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_killed_demo_left_is_removed_and_that_of_a_living_one_is_not() {
        let cgroups = Cgroups::find().unwrap();
        // Above the largest number that a process can have; and the first process.
        let [dead, living] = ["4194305", "1"].map(|number| cgroups.directory(&format!("{PREFIX}{number}")));
        // The other test's sweep may come in between.
        while fs::create_dir_all(dead.join("job-1")).is_err() {
            std::thread::yield_now();
        }
        fs::create_dir_all(&living).unwrap();
        sweep();
        assert!(!dead.exists() && living.exists());
        fs::remove_dir(&living).unwrap();
    }

    #[test]
    fn what_ran_in_a_group_below_it_is_counted_and_it_goes_with_its_owner() {
        let meter = Meter::make().unwrap();
        let inner = meter.cgroups.directory(&format!("{}/job", meter.name()));
        fs::create_dir(&inner).unwrap();
        let script =
            format!("echo 0 >{}/cgroup.procs; i=0; while [ $i -lt 30000 ]; do i=$((i+1)); done", inner.display());
        assert!(std::process::Command::new("sh").args(["-c", &script]).status().unwrap().success());
        fs::remove_dir(&inner).unwrap();
        assert!(meter.cpu_time().unwrap() > Duration::from_millis(1));
        let directory = meter.cgroups.directory(meter.name());
        drop(meter);
        assert!(!directory.exists());
    }
}
