//! Hard limits: setting and lifting them, and which are in force.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};

use super::{Cgroups, Hierarchy, number};

impl Cgroups {
    /// Sets the hard limit of the group that process `pid` itself is in, in cores.
    ///
    /// # Errors
    /// When it has no group with a limit, or the kernel refuses.
    pub fn limit_process(&self, pid: i32, cores: f64) -> Result<()> {
        let group = self.own_group_of(pid, "cpu").context("the process is in no group with a CPU limit")?;
        let directory = self.with(&group, "cpu").context("no control group hierarchy limits CPU")?;
        let (file, period, v1) = match self.hierarchy {
            Hierarchy::V1(_) => {
                (directory.join("cpu.cfs_quota_us"), number(&directory.join("cpu.cfs_period_us"))?, true)
            }
            Hierarchy::V2 { .. } => {
                let file = directory.join("cpu.max");
                let text = fs::read_to_string(&file).with_context(|| file.display().to_string())?;
                let period = text.split_whitespace().nth(1).and_then(|period| period.parse().ok());
                (file, period.with_context(|| format!("cpu.max holds {text:?}"))?, false)
            }
        };
        // The kernel takes no quota below a millisecond.
        let quota = (cores * period as f64).max(1000.0) as u64;
        let text = if v1 { quota.to_string() } else { format!("{quota} {period}") };
        fs::write(&file, text).with_context(|| file.display().to_string())
    }

    /// The limits of the groups with processes directly below a group, in cores: infinite where nothing holds them back.
    pub fn limits_below(&self, group: &str) -> Vec<f64> {
        let Some(directory) = self.with(group, "cpu") else { return Vec::new() };
        let entries = fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.path());
        let groups = entries.filter(|path| path.is_dir() && self.populated(path));
        groups.filter_map(|path| self.limit_of(&path)).collect()
    }

    fn limit_of(&self, directory: &Path) -> Option<f64> {
        let read = |name: &str| fs::read_to_string(directory.join(name)).ok();
        let (quota, period) = match self.hierarchy {
            Hierarchy::V1(_) => (read("cpu.cfs_quota_us")?, read("cpu.cfs_period_us")?),
            Hierarchy::V2 { .. } => {
                let text = read("cpu.max")?;
                let (quota, period) = text.trim().split_once(' ')?;
                (quota.to_owned(), period.to_owned())
            }
        };
        let period: f64 = period.trim().parse().ok()?;
        // "-1" and "max".
        let quota = quota.trim().parse::<f64>().ok().filter(|quota| *quota > 0.0);
        Some(quota.map_or(f64::INFINITY, |quota| quota / period))
    }

    /// Lifts the limits of the groups directly below a group.
    pub(super) fn lift_quotas(&self, group: &str) {
        let Some(directory) = self.with(group, "cpu") else { return };
        for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
            let (name, most) = self.no_quota();
            if entry.path().join(name).exists() {
                let _ = fs::write(entry.path().join(name), most);
            }
        }
    }

    /// Lifts the limit of a group itself, as far as the kernel allows: what it holds back, in this group or below, it cannot
    /// freeze.
    pub fn lift_quota(&self, group: &str) {
        let Some(directory) = self.with(group, "cpu") else { return };
        let (name, most) = self.no_quota();
        if directory.join(name).exists() {
            let _ = fs::write(directory.join(name), most);
        }
    }

    fn no_quota(&self) -> (&'static str, &'static str) {
        match self.hierarchy {
            Hierarchy::V1(_) => ("cpu.cfs_quota_us", "-1"),
            Hierarchy::V2 { .. } => ("cpu.max", "max"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cgroup::fake;

    #[test]
    fn the_limits_in_force_are_those_of_groups_with_processes() {
        let tree = fake::Tree::new();
        let cgroups = tree.cgroups();
        for (container, limit) in [("a", "50000 100000"), ("b", "max 100000")] {
            let group = tree.group_with_process(&format!("/jobs/x-1/{container}"), 42);
            fs::write(group.join("cpu.max"), format!("{limit}\n")).unwrap();
        }
        // One that has ended, and one that no controller has been passed to.
        fs::create_dir(tree.path("/jobs/x-1/ended")).unwrap();
        fs::write(tree.path("/jobs/x-1/ended/cpu.max"), "1000 100000\n").unwrap();
        tree.group_with_process("/jobs/x-1/unlimited", 43);
        let mut limits = cgroups.limits_below("/jobs/x-1");
        limits.sort_by(f64::total_cmp);
        assert_eq!(limits, [0.5, f64::INFINITY]);
        assert!(cgroups.limits_below("/jobs/none").is_empty());
    }
}
