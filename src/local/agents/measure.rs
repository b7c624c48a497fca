//! What containers have used.

use std::path::PathBuf;

use shell_trap::cgroup::Cgroups;
use shell_trap::groups::{Group, up_to};
use shell_trap::runtime::process::traces::group_name;

use super::containers::{ByAgent, Container};
use crate::local::executor::CpuUsage;

/// How Docker names control groups.
const DRIVERS: [&str; 2] = ["cgroupfs", "systemd"];

/// Reads the kernel's counters.
pub(super) struct Measure {
    /// None where no control groups count CPU time.
    cgroups: Option<Cgroups>,
}

impl Measure {
    pub fn new() -> Self {
        let cgroups = Cgroups::find().inspect_err(|error| tracing::debug!("containers of agents: {error:#}")).ok();
        Measure { cgroups }
    }

    /// CPU time since the container's start; none when it cannot be told from that of its agent.
    pub fn used(&self, container: &Container) -> Option<CpuUsage> {
        match &container.by_agent {
            None => Some(container.task.usage()),
            // It runs below its task's own group.
            Some(ByAgent { docker: false, group: None }) => Some(container.task.usage()),
            Some(by_agent) => {
                let cgroups = self.cgroups.as_ref()?;
                let directory = directory(cgroups, &container.name, by_agent)?;
                let time = cgroups.cpu_time(&directory).ok()?;
                Some(CpuUsage { user: time.user, system: time.total.saturating_sub(time.user) })
            }
        }
    }
}

/// The group of the container that runs now; those of earlier segments are empty.
fn directory(cgroups: &Cgroups, name: &str, by_agent: &ByAgent) -> Option<PathBuf> {
    let parent = by_agent.group.as_deref();
    let mut candidates: Vec<PathBuf> = if by_agent.docker {
        let of_driver = |driver| up_to(cgroups, &Group::of(driver, parent, name, 0).path, name, u64::MAX);
        DRIVERS.into_iter().flat_map(of_driver).map(|group| cgroups.directory(&group)).collect()
    } else {
        let prefix = group_name(name);
        let of_job = |group: &String| group.rsplit('/').next().is_some_and(|last| last.starts_with(&prefix));
        let beside = cgroups.siblings(&format!("{}/{prefix}", parent?.trim_end_matches('/')));
        beside.into_iter().filter(of_job).map(|group| cgroups.directory(&group)).collect()
    };
    candidates.retain(|directory| cgroups.populated(directory));
    candidates.pop()
}
