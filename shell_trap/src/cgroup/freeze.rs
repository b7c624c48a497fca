//! Having groups stand still, and go on.

use std::fs;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};

use super::{Cgroups, Hierarchy};

impl Cgroups {
    /// Has a group and all groups below it stand still, at once and without asking anybody else; `false` when there is no
    /// such group. The kernel cannot freeze what it holds back for its quota, so that is lifted when it takes long.
    ///
    /// # Errors
    /// When the group does not stand still after a second.
    pub fn freeze(&self, group: &str) -> Result<bool> {
        let (Some(directory), v1) = (self.with(group, "freezer"), matches!(self.hierarchy, Hierarchy::V1(_))) else {
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

    /// Lets a frozen group go on; whether it had to be.
    pub fn thaw(&self, group: &str) -> bool {
        let Some(directory) = self.with(group, "freezer") else { return false };
        let (name, order) = match &self.hierarchy {
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
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cgroup::fake;

    #[test]
    fn in_version_two_a_group_stands_still_once_the_kernel_says_so_and_is_told_to_go_on() {
        let tree = fake::Tree::new();
        let cgroups = tree.cgroups();
        assert!(!cgroups.freeze("/jobs/a-1").unwrap(), "there is no such group yet");
        let group = tree.group_with_process("/jobs/a-1", 42);
        // The container's own group, with a quota that would keep it from standing still for ever.
        fs::create_dir(group.join("container")).unwrap();
        fs::write(group.join("container/cpu.max"), "5000 100000").unwrap();
        let kernel = fake::Kernel::over(&group);
        assert!(cgroups.freeze("/jobs/a-1").unwrap());
        assert_eq!(fs::read_to_string(group.join("container/cpu.max")).unwrap(), "max");
        assert!(fs::read_to_string(group.join("cgroup.events")).unwrap().contains("frozen 1"));
        assert!(cgroups.thaw("/jobs/a-1"));
        assert!(!cgroups.thaw("/jobs/a-1"), "it goes on already");
        assert!(cgroups.freeze_process(42).unwrap());
        cgroups.thaw_process(42);
        assert_eq!(fs::read_to_string(group.join("cgroup.freeze")).unwrap(), "0");
        drop(kernel);
        fs::write(group.join("cgroup.events"), "populated 1\nfrozen 0\n").unwrap();
        assert!(cgroups.freeze("/jobs/a-1").unwrap_err().to_string().contains("does not stand still"));
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
}
