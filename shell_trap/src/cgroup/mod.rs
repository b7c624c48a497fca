//! Control groups of both versions: where a process is, what its group has used, and the job's own group around it.

#[cfg(test)]
pub(crate) mod fake;
mod freeze;
mod quota;
#[cfg(test)]
mod tests;

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
        Ok(self.directory(&self.name_of(pid)?))
    }

    /// The group that process `pid` is in, by its name.
    ///
    /// # Errors
    /// When there is no such process.
    pub fn name_of(&self, pid: i32) -> Result<String> {
        self.group_of(pid, "cpuacct").with_context(|| format!("/proc/{pid}/cgroup: no group for CPU accounting"))
    }

    /// Is it version two?
    pub fn is_second(&self) -> bool {
        matches!(self.hierarchy, Hierarchy::V2 { .. })
    }

    /// Where groups with a limit or counters of CPU time may be, of whichever version: a job may have been started before
    /// another version was mounted.
    pub fn cpu_roots(&self) -> Vec<PathBuf> {
        let counts = |controllers: &[String]| {
            controllers.is_empty() || controllers.iter().any(|name| matches!(name.as_str(), "cpu" | "cpuacct"))
        };
        match &self.hierarchy {
            Hierarchy::V1(all) => all.iter().filter(|(_, c)| counts(c)).map(|(root, _)| root.clone()).collect(),
            Hierarchy::V2 { root } => vec![root.clone()],
        }
    }

    /// The directory with the counters of a group, by its name.
    pub fn directory(&self, group: &str) -> PathBuf {
        // Without `cpuacct` this would not be version one.
        self.with(group, "cpuacct").unwrap_or_default()
    }

    /// The directory of a group in the hierarchy of a controller.
    pub(crate) fn with(&self, group: &str, controller: &str) -> Option<PathBuf> {
        let root = match &self.hierarchy {
            Hierarchy::V1(all) => mount_of(all, controller)?,
            Hierarchy::V2 { root } => root,
        };
        Some(root.join(group.trim_start_matches('/')))
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

    /// Processes of a group and of all groups below it.
    pub fn all_members(&self, directory: &Path) -> Vec<i32> {
        let below = fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.path());
        let below = below.filter(|path| path.is_dir()).flat_map(|path| self.all_members(&path));
        self.members(directory).into_iter().chain(below.collect::<Vec<_>>()).collect()
    }

    /// Removes an empty group from all hierarchies, with the empty ones below it; one that is still busy stays as it is.
    pub fn remove(&self, group: &str) {
        let group = group.trim_start_matches('/');
        for root in self.roots() {
            remove_empty(&root.join(group));
        }
    }

    /// Makes sure that groups with limits can be made in `group`. In version two that needs a group without processes of its
    /// own: those that are in it go into a group `agent` below, where they are counted and ended with it as before.
    ///
    /// # Errors
    /// When processes cannot be moved.
    pub fn make_room(&self, group: &str) -> Result<()> {
        let Hierarchy::V2 { root } = &self.hierarchy else { return Ok(()) };
        let directory = root.join(group.trim_start_matches('/'));
        let below = directory.join("agent");
        // Processes that are made meanwhile are in it again.
        for _ in 0..100 {
            let members = self.members(&directory);
            if members.is_empty() {
                return Ok(());
            }
            if let Err(error) = fs::create_dir(&below)
                && error.kind() != std::io::ErrorKind::AlreadyExists
            {
                return Err(error).with_context(|| below.display().to_string());
            }
            let file = below.join("cgroup.procs");
            for pid in members {
                match fs::write(&file, pid.to_string()) {
                    // It has ended meanwhile.
                    Err(error) if error.raw_os_error() == Some(nix::errno::Errno::ESRCH as i32) => {}
                    done => done.with_context(|| format!("moving process {pid} into {}", below.display()))?,
                }
            }
        }
        Err(anyhow!("{}: new processes come all the time", directory.display()))
    }

    /// Removes the empty group of a task from the hierarchies in which the framework makes none: those in which this process is
    /// not in `own`, its task's. Docker makes the path of a container's group in all of them.
    pub fn remove_beside(&self, group: &str, own: &str) {
        let Hierarchy::V1(all) = &self.hierarchy else { return };
        let this = std::process::id().cast_signed();
        let made = |names: &[String]| names.iter().any(|name| self.group_of(this, name).as_deref() == Some(own));
        for (root, _) in all.iter().filter(|(_, names)| !made(names)) {
            // The kernel refuses where there are processes or groups in it.
            let _ = fs::remove_dir(root.join(group.trim_start_matches('/')));
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

/// Leaves all groups of the framework's task, which it ends by them: for a process that must outlive it. Where that is not
/// allowed the process stays in them, and ends with the task.
pub fn leave_task_groups() {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    for fields in mounts.lines().map(|line| line.split(' ').collect::<Vec<_>>()) {
        if let [_, directory, "cgroup" | "cgroup2", ..] = fields[..] {
            let _ = fs::write(Path::new(directory).join("cgroup.procs"), "0");
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
