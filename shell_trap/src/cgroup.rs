//! Control groups of both versions: where a process is, what its group has used, and the job's own group around it.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};

/// CPU time of a group, in kernel core-seconds.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct CpuTime {
    /// Everything.
    pub total: Duration,
    /// The part of it in user mode; the kernel measures the split more coarsely than the total.
    pub user: Duration,
}

impl CpuTime {
    /// What was used since `earlier`.
    pub fn since(self, earlier: CpuTime) -> CpuTime {
        let total = self.total.saturating_sub(earlier.total);
        CpuTime { total, user: self.user.saturating_sub(earlier.user).min(total) }
    }
}

/// The two versions of the interface.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Hierarchy {
    /// Mount points of `cpuacct`, and of every controller (for cleaning up).
    V1 { cpuacct: PathBuf, all: Vec<PathBuf> },
    /// The one mount point.
    V2 { root: PathBuf },
}

/// The hierarchy that accounts for CPU time on this node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cgroups(Hierarchy);

impl Cgroups {
    /// Looks at what is mounted.
    ///
    /// # Errors
    /// When neither version accounts for CPU time here.
    pub fn find() -> Result<Self> {
        let mounts = fs::read_to_string("/proc/self/mounts").context("/proc/self/mounts")?;
        Self::among(&mounts).ok_or_else(|| anyhow!("no control group hierarchy with CPU accounting is mounted"))
    }

    fn among(mounts: &str) -> Option<Self> {
        let lines: Vec<Vec<&str>> = mounts.lines().map(|line| line.split(' ').collect()).collect();
        let of_type = |wanted: &'static str| lines.iter().filter(move |f| f.get(2) == Some(&wanted) && f.len() > 3);
        let cpuacct = of_type("cgroup").find(|f| f[3].split(',').any(|option| option == "cpuacct"));
        if let Some(fields) = cpuacct {
            let all = of_type("cgroup").map(|f| PathBuf::from(f[1])).collect();
            return Some(Cgroups(Hierarchy::V1 { cpuacct: fields[1].into(), all }));
        }
        of_type("cgroup2").next().map(|f| Cgroups(Hierarchy::V2 { root: f[1].into() }))
    }

    /// The directory of the group that process `pid` is in.
    ///
    /// # Errors
    /// When there is no such process.
    pub fn of_process(&self, pid: i32) -> Result<PathBuf> {
        let path = format!("/proc/{pid}/cgroup");
        let text = fs::read_to_string(&path).with_context(|| path.clone())?;
        let (root, wanted) = match &self.0 {
            Hierarchy::V1 { cpuacct, .. } => (cpuacct, "cpuacct"),
            Hierarchy::V2 { root } => (root, ""),
        };
        let group = text.lines().find_map(|line| {
            let mut parts = line.splitn(3, ':').skip(1);
            let (controllers, group) = (parts.next()?, parts.next()?);
            controllers.split(',').any(|name| name == wanted).then_some(group)
        });
        let group = group.with_context(|| format!("{path}: no group for CPU accounting"))?;
        Ok(root.join(group.trim_start_matches('/')))
    }

    /// The directory of a group by its name.
    pub fn directory(&self, group: &str) -> PathBuf {
        let root = match &self.0 {
            Hierarchy::V1 { cpuacct, .. } => cpuacct,
            Hierarchy::V2 { root } => root,
        };
        root.join(group.trim_start_matches('/'))
    }

    /// CPU time used in a group and all groups below it, those that are gone included.
    ///
    /// # Errors
    /// When the group is gone, or does not count.
    pub fn cpu_time(&self, directory: &Path) -> Result<CpuTime> {
        match &self.0 {
            Hierarchy::V1 { .. } => {
                let nanoseconds = |name: &str| number(&directory.join(name)).map(Duration::from_nanos);
                let total = nanoseconds("cpuacct.usage")?;
                // The kernel's own split, where it has these files (since 4.6).
                Ok(CpuTime { total, user: nanoseconds("cpuacct.usage_user").unwrap_or(total).min(total) })
            }
            Hierarchy::V2 { .. } => {
                let path = directory.join("cpu.stat");
                let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
                parse_stat(&text).with_context(|| format!("{}: no usage_usec", path.display()))
            }
        }
    }

    /// Processes of a group.
    pub fn members(&self, directory: &Path) -> Vec<i32> {
        let text = fs::read_to_string(directory.join("cgroup.procs")).unwrap_or_default();
        text.lines().filter_map(|line| line.parse().ok()).collect()
    }

    /// Removes an empty group from all hierarchies; one that is still busy or gone stays as it is.
    pub fn remove(&self, group: &str) {
        let group = group.trim_start_matches('/');
        let roots = match &self.0 {
            Hierarchy::V1 { all, .. } => all.as_slice(),
            Hierarchy::V2 { root } => std::slice::from_ref(root),
        };
        for root in roots {
            let _ = fs::remove_dir(root.join(group));
        }
    }
}

fn number(path: &Path) -> Result<u64> {
    let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
    text.trim().parse().with_context(|| format!("{}: {text:?} is no number", path.display()))
}

fn parse_stat(text: &str) -> Option<CpuTime> {
    let value = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.and_then(|text| text.parse().ok()).map(Duration::from_micros)
    };
    let total = value("usage_usec")?;
    Some(CpuTime { total, user: value("user_usec").unwrap_or(total).min(total) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_one_is_preferred_where_it_accounts_for_cpu_time() {
        let hybrid = "cgroup /c/cpu cgroup rw,cpu 0 0\ncgroup /c/acct cgroup rw,cpuacct 0 0\ncgroup2 /c/u cgroup2 rw 0 0\n";
        assert_eq!(Cgroups::among(hybrid).unwrap().directory("/docker/x"), PathBuf::from("/c/acct/docker/x"));
        let unified = "cgroup2 /sys/fs/cgroup cgroup2 rw,nsdelegate 0 0\n";
        assert_eq!(Cgroups::among(unified).unwrap().directory("a"), PathBuf::from("/sys/fs/cgroup/a"));
        assert_eq!(Cgroups::among("proc /proc proc rw 0 0\n"), None);
    }

    #[test]
    fn the_counters_of_version_two_are_microseconds() {
        let time = parse_stat("usage_usec 1500000\nuser_usec 1000000\nsystem_usec 500000\n").unwrap();
        assert_eq!((time.total, time.user), (Duration::from_millis(1500), Duration::from_secs(1)));
        assert_eq!(parse_stat("nr_periods 1\n"), None);
    }

    #[test]
    fn the_user_part_is_never_more_than_the_whole() {
        let time = |total, user| CpuTime { total: Duration::from_millis(total), user: Duration::from_millis(user) };
        assert_eq!(time(100, 90).since(time(95, 10)), time(5, 5));
        assert_eq!(time(1, 1).since(time(5, 5)), time(0, 0));
    }

    #[test]
    fn this_process_has_a_group_that_counts() {
        let cgroups = Cgroups::find().unwrap();
        let directory = cgroups.of_process(std::process::id() as i32).unwrap();
        assert!(cgroups.cpu_time(&directory).is_ok(), "{}", directory.display());
    }
}
