//! Control groups of both versions: where a process is, what its group has used, and the job's own group around it.

#[cfg(test)]
pub(crate) mod fake;
mod freeze;

use std::collections::BTreeSet;
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
    /// Mount points with their controllers: none where version two is mounted beside it, for systemd and for containers.
    V1(Vec<(PathBuf, Vec<String>)>),
    /// The one mount point.
    V2 { root: PathBuf },
}

/// The hierarchy that accounts for CPU time on this node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cgroups {
    hierarchy: Hierarchy,
    /// `/proc`.
    processes: PathBuf,
}

impl Cgroups {
    /// Looks at what is mounted.
    ///
    /// # Errors
    /// When neither version accounts for CPU time here.
    pub fn find() -> Result<Self> {
        let mounts = fs::read_to_string("/proc/self/mounts").context("/proc/self/mounts")?;
        Self::among(&mounts, Path::new("/proc"))
            .ok_or_else(|| anyhow!("no control group hierarchy with CPU accounting is mounted"))
    }

    fn among(mounts: &str, processes: &Path) -> Option<Self> {
        let found = |hierarchy| Some(Cgroups { hierarchy, processes: processes.to_owned() });
        let lines: Vec<Vec<&str>> = mounts.lines().map(|line| line.split(' ').collect()).collect();
        let of_type = |wanted: &'static str| lines.iter().filter(move |f| f.get(2) == Some(&wanted) && f.len() > 3);
        let controllers = |f: &[&str]| f[3].split(',').map(str::to_owned).collect();
        let mut all: Vec<(PathBuf, Vec<String>)> = of_type("cgroup").map(|f| (f[1].into(), controllers(f))).collect();
        let mut second = of_type("cgroup2").map(|f| PathBuf::from(f[1]));
        if mount_of(&all, "cpuacct").is_some() {
            all.extend(second.map(|root| (root, Vec::new())));
            return found(Hierarchy::V1(all));
        }
        found(Hierarchy::V2 { root: second.next()? })
    }

    /// The directory of the group that process `pid` is in.
    ///
    /// # Errors
    /// When there is no such process.
    pub fn of_process(&self, pid: i32) -> Result<PathBuf> {
        let group = self.group_of(pid, "cpuacct");
        let group = group.with_context(|| format!("/proc/{pid}/cgroup: no group for CPU accounting"))?;
        Ok(self.directory(&group))
    }

    /// The directory with the counters of a group, by its name.
    pub fn directory(&self, group: &str) -> PathBuf {
        // Without `cpuacct` this would not be version one.
        self.with(group, "cpuacct").unwrap_or_default()
    }

    /// The directory of a group in the hierarchy of a controller.
    fn with(&self, group: &str, controller: &str) -> Option<PathBuf> {
        let root = match &self.hierarchy {
            Hierarchy::V1(all) => mount_of(all, controller)?,
            Hierarchy::V2 { root } => root,
        };
        Some(root.join(group.trim_start_matches('/')))
    }

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

    /// The group of a process for a controller, unless it is the root, in which everything is.
    fn own_group_of(&self, pid: i32, controller: &str) -> Option<String> {
        self.group_of(pid, controller).filter(|group| group != "/")
    }

    /// The group of a process for a controller.
    fn group_of(&self, pid: i32, controller: &str) -> Option<String> {
        let text = fs::read_to_string(self.processes.join(pid.to_string()).join("cgroup")).ok()?;
        let wanted = if matches!(self.hierarchy, Hierarchy::V1(_)) { controller } else { "" };
        text.lines().find_map(|line| {
            let mut parts = line.splitn(3, ':').skip(1);
            let (controllers, group) = (parts.next()?, parts.next()?);
            controllers.split(',').any(|name| name == wanted).then(|| group.to_owned())
        })
    }

    /// Groups beside `group`, itself included, that are there in any of the hierarchies.
    pub fn siblings(&self, group: &str) -> Vec<String> {
        let Some((base, _)) = group.rsplit_once('/') else { return Vec::new() };
        let directories = self.roots().into_iter().map(|root| root.join(base.trim_start_matches('/')));
        let entries = directories.flat_map(|directory| fs::read_dir(directory).into_iter().flatten().flatten());
        let groups = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
        let names: BTreeSet<String> = groups.filter_map(|entry| entry.file_name().into_string().ok()).collect();
        names.into_iter().map(|name| format!("{base}/{name}")).collect()
    }

    /// Is there a process in the directory of a group, or below it?
    pub fn populated(&self, directory: &Path) -> bool {
        let below = || fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.path());
        !self.members(directory).is_empty() || below().any(|path| path.is_dir() && self.populated(&path))
    }

    /// CPU time used in a group and all groups below it, those that are gone included.
    ///
    /// # Errors
    /// When the group is gone, or does not count.
    pub fn cpu_time(&self, directory: &Path) -> Result<CpuTime> {
        match &self.hierarchy {
            Hierarchy::V1(_) => {
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

    /// Removes an empty group from all hierarchies, with the empty ones below it; one that is still busy stays as it is.
    pub fn remove(&self, group: &str) {
        let group = group.trim_start_matches('/');
        for root in self.roots() {
            remove_empty(&root.join(group));
        }
    }

    /// Everything that is mounted.
    fn roots(&self) -> Vec<&PathBuf> {
        match &self.hierarchy {
            Hierarchy::V1(all) => all.iter().map(|(root, _)| root).collect(),
            Hierarchy::V2 { root } => vec![root],
        }
    }
}

fn remove_empty(directory: &Path) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove_empty(&entry.path());
        }
    }
    // The kernel refuses what has processes in it.
    let _ = fs::remove_dir(directory);
}

fn mount_of<'a>(all: &'a [(PathBuf, Vec<String>)], controller: &str) -> Option<&'a PathBuf> {
    all.iter().find(|(_, controllers)| controllers.iter().any(|name| name == controller)).map(|(root, _)| root)
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
        let hybrid =
            "cgroup /c/cpu cgroup rw,cpu 0 0\ncgroup /c/acct cgroup rw,cpuacct 0 0\ncgroup2 /c/u cgroup2 rw 0 0\n";
        assert_eq!(
            Cgroups::among(hybrid, Path::new("/proc")).unwrap().directory("/docker/x"),
            PathBuf::from("/c/acct/docker/x")
        );
        let unified = "cgroup2 /sys/fs/cgroup cgroup2 rw,nsdelegate 0 0\n";
        assert_eq!(
            Cgroups::among(unified, Path::new("/proc")).unwrap().directory("a"),
            PathBuf::from("/sys/fs/cgroup/a")
        );
        assert_eq!(Cgroups::among("proc /proc proc rw 0 0\n", Path::new("/proc")), None);
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
    fn a_group_goes_from_all_hierarchies_also_where_version_two_is_mounted_beside_the_first() {
        let base = tempfile::tempdir().unwrap();
        let at = |name: &str| base.path().join(name);
        let mounts = format!(
            "cgroup {} cgroup rw,cpuacct 0 0\ncgroup2 {} cgroup2 rw 0 0\n",
            at("acct").display(),
            at("unified").display()
        );
        let cgroups = Cgroups::among(&mounts, Path::new("/proc")).unwrap();
        // Of the second an earlier agent has removed the group with the counters only.
        for group in ["acct/jobs/a-1", "unified/jobs/a-1/container", "unified/jobs/a-2"] {
            fs::create_dir_all(at(group)).unwrap();
        }
        let siblings = cgroups.siblings("/jobs/a-1");
        assert_eq!(siblings, ["/jobs/a-1", "/jobs/a-2"]);
        siblings.iter().for_each(|group| cgroups.remove(group));
        let left = |name: &str| fs::read_dir(at(name)).unwrap().count();
        assert_eq!((left("acct/jobs"), left("unified/jobs")), (0, 0));
    }

    #[test]
    fn in_version_two_everything_of_a_group_is_in_one_directory() {
        let tree = fake::Tree::new();
        let cgroups = tree.cgroups();
        let process = tree.group_with_process("/jobs/a-1", 42);
        assert_eq!(cgroups.of_process(42).unwrap(), process);
        assert_eq!((cgroups.members(&process), cgroups.populated(&tree.path("/jobs"))), (vec![42], true));
        fs::write(process.join("cpu.stat"), "usage_usec 5\nuser_usec 3\nsystem_usec 2\n").unwrap();
        let time = CpuTime { total: Duration::from_micros(5), user: Duration::from_micros(3) };
        assert_eq!(cgroups.cpu_time(&process).unwrap(), time);
        fs::write(process.join("cpu.max"), "max 100000\n").unwrap();
        cgroups.limit_process(42, 1.5).unwrap();
        assert_eq!(fs::read_to_string(process.join("cpu.max")).unwrap(), "150000 100000");
        // What is in no group of its own is in the root, which has no limit.
        tree.process(43, "/");
        assert!(cgroups.limit_process(43, 1.0).is_err());
        assert!(cgroups.of_process(44).is_err());
    }

    #[test]
    fn this_process_has_a_group_that_counts() {
        let cgroups = Cgroups::find().unwrap();
        let directory = cgroups.of_process(std::process::id() as i32).unwrap();
        assert!(cgroups.cpu_time(&directory).is_ok(), "{}", directory.display());
    }
}
