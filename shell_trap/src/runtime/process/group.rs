//! A control group for one job, of either version.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};

use crate::cgroup::{Cgroups, CpuTime};

/// In which a quota is given, in microseconds. Shorter than the kernel's default: a job of 0.1 CPUs then stands still
/// for at most 45 ms at a time.
const PERIOD_US: f64 = 50_000.0;

/// A group with a limit.
#[derive(Debug)]
pub struct Group {
    cgroups: Cgroups,
    /// With the limit.
    cpu: PathBuf,
    /// With the counters; the same directory in version two.
    count: PathBuf,
    v2: bool,
}

impl Group {
    /// Makes it below `parent`, or below this process's own group. `name` is of one run of the job and no other: what is
    /// there already under this name is not this run's.
    ///
    /// # Errors
    /// When no group with a working CPU limit can be made here.
    pub fn make(parent: Option<&str>, name: &str, cores: f64) -> Result<Self> {
        Self::make_in(Cgroups::find()?, parent, name, cores)
    }

    fn make_in(cgroups: Cgroups, parent: Option<&str>, name: &str, cores: f64) -> Result<Self> {
        let parent = parent.map_or_else(|| cgroups.name_of(std::process::id().cast_signed()), |p| Ok(p.to_owned()))?;
        let path = format!("{}/{name}", parent.trim_end_matches('/'));
        let (count, v2) = (cgroups.directory(&path), cgroups.is_second());
        let cpu = cgroups.with(&path, "cpu").context("no control group hierarchy limits CPU")?;
        let group = Group { cgroups, cpu, count, v2 };
        group.prepare()?;
        group.limit(cores)?;
        Ok(group)
    }

    fn prepare(&self) -> Result<()> {
        for directory in self.directories() {
            let parent = directory.parent().context("no parent")?;
            fs::create_dir_all(parent).with_context(|| parent.display().to_string())?;
            fs::create_dir(&directory).with_context(|| directory.display().to_string())?;
        }
        if self.v2 && !self.cpu.join("cpu.max").exists() {
            let parent = self.cpu.parent().context("no parent")?;
            let control = parent.join("cgroup.subtree_control");
            fs::write(&control, "+cpu").with_context(|| format!("{}: the cpu controller", control.display()))?;
        }
        Ok(())
    }

    /// Sets the limit, in cores; works on the running job at once.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn limit(&self, cores: f64) -> Result<()> {
        ensure!(cores.is_finite() && cores > 0.0, "a limit of {cores} cores");
        // The kernel takes no quota below a millisecond.
        let quota = (cores * PERIOD_US).round().max(1000.0);
        let write = |name: &str, value: String| {
            let path = self.cpu.join(name);
            fs::write(&path, &value).with_context(|| format!("{}: {value}", path.display()))
        };
        if self.v2 {
            return write("cpu.max", format!("{quota} {PERIOD_US}"));
        }
        write("cpu.cfs_quota_us", "-1".into())?;
        write("cpu.cfs_period_us", PERIOD_US.to_string())?;
        write("cpu.cfs_quota_us", quota.to_string())
    }

    /// Files to which a process writes itself.
    pub fn join_files(&self) -> Vec<PathBuf> {
        self.directories().into_iter().map(|directory| directory.join("cgroup.procs")).collect()
    }

    /// Its directories.
    pub fn directories(&self) -> Vec<PathBuf> {
        let mut directories = vec![self.cpu.clone(), self.count.clone()];
        directories.dedup();
        directories
    }

    /// # Errors
    /// When the group is gone.
    pub fn cpu_time(&self) -> Result<CpuTime> {
        self.cgroups.cpu_time(&self.count)
    }

    /// For messages.
    pub fn version(&self) -> &'static str {
        if self.v2 { "cgroup v2" } else { "cgroup v1" }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.directories().iter().for_each(|directory| super::traces::remove(directory));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cgroup::fake;

    #[test]
    fn in_version_two_the_parent_passes_the_controller_on_and_the_limit_is_in_one_file() {
        let tree = fake::Tree::new();
        let own = tree.group_with_process("/task", std::process::id().cast_signed());
        let make = |parent| Group::make_in(tree.cgroups(), parent, "shell_trap-a.1.2", 0.5);
        let group = make(None).unwrap();
        assert_eq!((group.version(), group.directories()), ("cgroup v2", vec![own.join("shell_trap-a.1.2")]));
        assert_eq!(group.join_files(), [own.join("shell_trap-a.1.2/cgroup.procs")]);
        assert_eq!(fs::read_to_string(own.join("cgroup.subtree_control")).unwrap(), "+cpu");
        let limit = || fs::read_to_string(own.join("shell_trap-a.1.2/cpu.max")).unwrap();
        assert_eq!(limit(), "25000 50000");
        group.limit(0.001).unwrap();
        assert_eq!(limit(), "1000 50000", "the kernel takes no less");
        fs::write(own.join("shell_trap-a.1.2/cpu.stat"), "usage_usec 7\nuser_usec 7\nsystem_usec 0\n").unwrap();
        assert_eq!(group.cpu_time().unwrap().total, std::time::Duration::from_micros(7));
        // Whatever is there under this name is another run's, and is not taken over.
        assert!(make(None).is_err());
        let elsewhere = make(Some("/jobs/below")).unwrap();
        assert_eq!(elsewhere.directories(), [tree.path("/jobs/below/shell_trap-a.1.2")]);
    }

    #[test]
    fn a_group_has_the_limit_that_was_asked_for_and_goes_with_its_owner() {
        let group = Group::make(None, &format!("test-{}", std::process::id()), 0.5).unwrap();
        let read = |group: &Group| {
            let name = if group.v2 { "cpu.max" } else { "cpu.cfs_quota_us" };
            fs::read_to_string(group.cpu.join(name)).unwrap().split_whitespace().next().unwrap().to_owned()
        };
        assert_eq!(read(&group), "25000");
        group.limit(1.5).unwrap();
        assert_eq!(read(&group), "75000");
        assert!(group.limit(f64::NAN).is_err() && group.limit(0.0).is_err());
        let directory = group.count.clone();
        assert!(directory.exists());
        drop(group);
        assert!(!directory.exists());
    }
}
