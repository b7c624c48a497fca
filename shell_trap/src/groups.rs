//! The control groups of a job on this node: one around the container of each segment.

use anyhow::{Context as _, Result, ensure};

use crate::cgroup::Cgroups;

/// What an operator says for the group that the framework's task is in, which is another one for each task.
pub const TASK: &str = "task";

/// The group that a job's own groups are made in, for what the operator `wanted`; the default when absent. With [`TASK`] that
/// is the group of this very process, which the framework has made for its task: what runs in it is counted with the task
/// and ends with it.
///
/// # Errors
/// When the task has no group of its own, or Docker's `driver` cannot use it.
pub fn parent(wanted: Option<&str>, driver: &str, cgroups: &Cgroups) -> Result<Option<String>> {
    if wanted != Some(TASK) {
        return Ok(wanted.map(str::to_owned));
    }
    let own = cgroups.name_of(std::process::id().cast_signed()).context("SHELL_TRAP_CGROUP_PARENT=task")?;
    ensure!(
        own != "/",
        "SHELL_TRAP_CGROUP_PARENT=task: this task has no control group of its own; Mesos makes one with the isolator cgroups/cpu"
    );
    ensure!(
        driver != "systemd",
        "SHELL_TRAP_CGROUP_PARENT=task: Docker's cgroup driver is systemd, which puts containers into slices only; the task is \
        in {own}: it must be cgroupfs"
    );
    cgroups.make_room(&own).context("SHELL_TRAP_CGROUP_PARENT=task")?;
    // The container has the task's limit itself. The kernel lets no group have more than the one that it is in, and a restore
    // and a checkpoint need the whole node for a moment.
    cgroups.lift_quota(&own);
    Ok(Some(own))
}

/// The group that a group is in.
pub fn parent_of(group: &str) -> &str {
    group.rsplit_once('/').map_or("", |(parent, _)| parent)
}

/// The job's own group of one segment: it keeps the counters when the container is gone, and can be frozen as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// As Docker takes it.
    pub parent: String,
    /// As the kernel has it: a path from the root of the hierarchy.
    pub path: String,
}

impl Group {
    /// Of segment `epoch` of a job, below `parent` (of the job's own configuration), as Docker's cgroup `driver` wants it.
    pub fn of(driver: &str, parent: Option<&str>, job: &str, epoch: u64) -> Self {
        if driver != "systemd" {
            let path = format!("/{}/{job}-{epoch}", parent.unwrap_or("shell_trap").trim_matches('/'));
            return Group { parent: path.clone(), path };
        }
        // Systemd keeps a slice below those that its name begins with: a-b.slice is /a.slice/a-b.slice.
        let base =
            parent.unwrap_or("shelltrap.slice").rsplit('/').next().unwrap_or_default().trim_end_matches(".slice");
        let name = format!("{base}-{job}x{epoch}");
        let slices = name.match_indices('-').map(|(end, _)| &name[..end]).chain([name.as_str()]);
        let path = slices.map(|slice| format!("/{slice}.slice")).collect();
        Group { parent: format!("{name}.slice"), path }
    }
}

/// The groups of a job beside the group of its segment `epoch`, of this and earlier segments. Later ones are another's
/// business: two container engines can be on one machine.
pub fn up_to(cgroups: &Cgroups, group: &str, job: &str, epoch: u64) -> Vec<String> {
    let mut found = cgroups.siblings(group);
    found.retain(|path| segment(path, job).is_some_and(|segment| segment <= epoch));
    found
}

/// Whose segment's group this is, if it is one of the job.
fn segment(path: &str, job: &str) -> Option<u64> {
    let (before, after) = path.rsplit('/').next()?.split_once(job)?;
    let number = match after.strip_prefix('x') {
        Some(slice) if before.ends_with('-') => slice.strip_suffix(".slice")?,
        _ if before.is_empty() => after.strip_prefix('-')?,
        _ => return None,
    };
    number.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_s_group_is_named_as_the_driver_wants_it_and_known_again() {
        let group = |driver: &str, parent: Option<&str>| {
            let Group { parent, path } = Group::of(driver, parent, "ab", 3);
            assert_eq!(segment(&path, "ab"), Some(3), "{path}");
            assert_eq!(segment(&path, "cd"), None, "{path}");
            (parent, path)
        };
        let text = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        assert_eq!(group("cgroupfs", None), text("/shell_trap/ab-3", "/shell_trap/ab-3"));
        assert_eq!(group("cgroupfs", Some("/mesos/x/")), text("/mesos/x/ab-3", "/mesos/x/ab-3"));
        assert_eq!(group("systemd", None), text("shelltrap-abx3.slice", "/shelltrap.slice/shelltrap-abx3.slice"));
        assert_eq!(group("systemd", Some("x-b.slice")), text("x-b-abx3.slice", "/x.slice/x-b.slice/x-b-abx3.slice"));
    }
}
