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
    /// Mount points with their controllers.
    V1(Vec<(PathBuf, Vec<String>)>),
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
        let controllers = |f: &[&str]| f[3].split(',').map(str::to_owned).collect();
        let all: Vec<(PathBuf, Vec<String>)> = of_type("cgroup").map(|f| (f[1].into(), controllers(f))).collect();
        if mount_of(&all, "cpuacct").is_some() {
            return Some(Cgroups(Hierarchy::V1(all)));
        }
        of_type("cgroup2").next().map(|f| Cgroups(Hierarchy::V2 { root: f[1].into() }))
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
        let root = match &self.0 {
            Hierarchy::V1(all) => mount_of(all, controller)?,
            Hierarchy::V2 { root } => root,
        };
        Some(root.join(group.trim_start_matches('/')))
    }

    /// Has a group and all groups below it stand still, at once and without asking anybody else; `false` when there is no
    /// such group. The kernel cannot freeze what it holds back for its quota, so that is lifted when it takes long.
    ///
    /// # Errors
    /// When the group does not stand still after a second.
    pub fn freeze(&self, group: &str) -> Result<bool> {
        let (Some(directory), v1) = (self.with(group, "freezer"), matches!(self.0, Hierarchy::V1(_))) else {
            return Ok(false);
        };
        if !directory.exists() {
            return Ok(false);
        }
        let file = directory.join(if v1 { "freezer.state" } else { "cgroup.freeze" });
        for attempt in 0..200 {
            // Version one forgets a wish that it could not fulfil when a process was made meanwhile.
            let order = if v1 { "FROZEN" } else { "1" };
            fs::write(&file, order).with_context(|| file.display().to_string())?;
            let state =
                fs::read_to_string(if v1 { file.clone() } else { directory.join("cgroup.events") }).unwrap_or_default();
            if state.lines().any(|line| line == "FROZEN" || line == "frozen 1") {
                return Ok(true);
            }
            if attempt == 10 {
                self.lift_quotas(group);
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Err(anyhow!("{} does not stand still", directory.display()))
    }

    fn lift_quotas(&self, group: &str) {
        let Some(directory) = self.with(group, "cpu") else { return };
        for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
            let (name, most) =
                if matches!(self.0, Hierarchy::V1(_)) { ("cpu.cfs_quota_us", "-1") } else { ("cpu.max", "max") };
            if entry.path().join(name).exists() {
                let _ = fs::write(entry.path().join(name), most);
            }
        }
    }

    /// Lets a frozen group go on; whether it had to be.
    pub fn thaw(&self, group: &str) -> bool {
        let Some(directory) = self.with(group, "freezer") else { return false };
        let (name, order) = match &self.0 {
            Hierarchy::V1(_) => ("freezer.state", "THAWED"),
            Hierarchy::V2 { .. } => ("cgroup.freeze", "0"),
        };
        let file = directory.join(name);
        let frozen = fs::read_to_string(&file).is_ok_and(|state| !matches!(state.trim(), "THAWED" | "0"));
        frozen && fs::write(&file, order).is_ok()
    }

    /// Has the group that process `pid` itself is in stand still.
    ///
    /// # Errors
    /// As [`Cgroups::freeze`].
    pub fn freeze_process(&self, pid: i32) -> Result<bool> {
        self.own_group_of(pid, "freezer").map_or(Ok(false), |group| self.freeze(&group))
    }

    /// Lets the group that process `pid` itself is in go on.
    pub fn thaw_process(&self, pid: i32) {
        if let Some(group) = self.own_group_of(pid, "freezer") {
            self.thaw(&group);
        }
    }

    /// Sets the hard limit of the group that process `pid` itself is in, in cores.
    ///
    /// # Errors
    /// When it has no group with a limit, or the kernel refuses.
    pub fn limit_process(&self, pid: i32, cores: f64) -> Result<()> {
        let group = self.own_group_of(pid, "cpu").context("the process is in no group with a CPU limit")?;
        let directory = self.with(&group, "cpu").context("no control group hierarchy limits CPU")?;
        let (file, period, v1) = match self.0 {
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
        let text = fs::read_to_string(format!("/proc/{pid}/cgroup")).ok()?;
        let wanted = if matches!(self.0, Hierarchy::V1(_)) { controller } else { "" };
        text.lines().find_map(|line| {
            let mut parts = line.splitn(3, ':').skip(1);
            let (controllers, group) = (parts.next()?, parts.next()?);
            controllers.split(',').any(|name| name == wanted).then(|| group.to_owned())
        })
    }

    /// Groups beside `group`, itself included.
    pub fn siblings(&self, group: &str) -> Vec<String> {
        let Some((base, _)) = group.rsplit_once('/') else { return Vec::new() };
        let entries = fs::read_dir(self.directory(base)).into_iter().flatten().flatten();
        let groups = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
        groups.filter_map(|entry| Some(format!("{base}/{}", entry.file_name().into_string().ok()?))).collect()
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
        match &self.0 {
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

    /// Removes an empty group from all hierarchies; one that is still busy or gone stays as it is.
    pub fn remove(&self, group: &str) {
        let group = group.trim_start_matches('/');
        let roots: Vec<&PathBuf> = match &self.0 {
            Hierarchy::V1(all) => all.iter().map(|(root, _)| root).collect(),
            Hierarchy::V2 { root } => vec![root],
        };
        for root in roots {
            let _ = fs::remove_dir(root.join(group));
        }
    }
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
    fn a_frozen_group_stands_still_until_it_is_thawed() {
        let cgroups = Cgroups::find().unwrap();
        let name = format!("shell_trap-freeze-{}", std::process::id());
        assert!(!cgroups.freeze(&name).unwrap(), "there is no such group yet");
        let child = std::process::Command::new("sh").args(["-c", "while :; do :; done"]).spawn().unwrap();
        /// Leaves nothing behind, however the test ends.
        struct Busy<'a>(std::process::Child, &'a Cgroups, &'a str);
        impl Drop for Busy<'_> {
            fn drop(&mut self) {
                let _ = self.0.kill();
                self.1.thaw(self.2);
                let _ = self.0.wait();
                self.1.remove(self.2);
            }
        }
        let child = Busy(child, &cgroups, &name);
        for controller in ["cpuacct", "freezer"] {
            let directory = cgroups.with(&name, controller).unwrap();
            fs::create_dir_all(&directory).unwrap();
            fs::write(directory.join("cgroup.procs"), child.0.id().to_string()).unwrap();
        }
        assert!(!cgroups.thaw(&name));
        let used = || cgroups.cpu_time(&cgroups.directory(&name)).unwrap().total;
        let work = |since: Duration| {
            (0..2000).any(|_| {
                std::thread::sleep(Duration::from_millis(10));
                used() > since + Duration::from_millis(5)
            })
        };
        assert!(work(used()));
        assert!(cgroups.freeze(&name).unwrap());
        let before = used();
        std::thread::sleep(Duration::from_millis(300));
        assert_eq!(used(), before);
        assert!(cgroups.thaw(&name));
        assert!(work(before));
    }

    #[test]
    fn this_process_has_a_group_that_counts() {
        let cgroups = Cgroups::find().unwrap();
        let directory = cgroups.of_process(std::process::id() as i32).unwrap();
        assert!(cgroups.cpu_time(&directory).is_ok(), "{}", directory.display());
    }
}
