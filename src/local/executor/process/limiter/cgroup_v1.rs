//! Control groups v1: `cpu` limits, `cpuacct` counts. The two may be mounted together or apart.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use procfs::process::MountInfo;

use super::cgroup::{CgroupGroup, Interface, Reading};
use super::{Group, Limiter, Node, cgroup, files, probe};
use crate::local::executor::ExecutorError;
use crate::local::executor::limit::Bandwidth;

/// Makes groups in one directory of each of the two hierarchies.
pub struct CgroupV1 {
    cpu: PathBuf,
    cpuacct: PathBuf,
    /// Where the same directory would be in all other hierarchies. Nothing is made there by this; a container engine that puts
    /// containers below a task's group makes it.
    elsewhere: Vec<PathBuf>,
}

impl CgroupV1 {
    /// Makes the directories named `instance` below this process's own groups.
    ///
    /// # Errors
    /// When a hierarchy is missing or not writable, or limits nothing.
    pub fn open(instance: &str) -> Result<Self, ExecutorError> {
        let files::Surroundings { mounts, groups } = files::surroundings()?;
        let path = |controller: &str| {
            let group = groups.iter().find(|group| group.controllers.iter().any(|c| c == controller));
            group.map_or("/", |group| group.pathname.as_str())
        };
        let own = |controller: &str| {
            files::own_directory(&mounts, path(controller), |m| {
                m.fs_type == "cgroup" && m.super_options.contains_key(controller)
            })
            .ok_or_else(|| ExecutorError(format!("no control group v1 hierarchy with the controller {controller}")))
        };
        let is_other = |m: &&MountInfo| {
            let known = ["cpu", "cpuacct"].iter().any(|controller| m.super_options.contains_key(*controller));
            matches!(m.fs_type.as_str(), "cgroup" | "cgroup2") && !known
        };
        // By the name that the task's processes know their group by.
        let below = path("cpuacct").trim_start_matches('/');
        let elsewhere = mounts.iter().filter(is_other).map(|m| m.mount_point.join(below).join(instance)).collect();
        let limiter = CgroupV1 { cpu: own("cpu")?.join(instance), cpuacct: own("cpuacct")?.join(instance), elsewhere };
        for directory in limiter.made() {
            fs::create_dir(&directory).map_err(|e| files::about(&directory, e))?;
        }
        files::write(&limiter.cpu.join("cpu.shares"), 1024 * files::WEIGHT_OF_ALL_TASKS)?;
        probe(&limiter)?;
        Ok(limiter)
    }
}

impl CgroupV1 {
    fn made(&self) -> Vec<PathBuf> {
        distinct(&self.cpu, &self.cpuacct)
    }
}

impl Limiter for CgroupV1 {
    fn name(&self) -> &'static str {
        "cgroup-v1"
    }

    fn group(&self, name: &str, cores: f64, node: Option<&Node>) -> Result<Box<dyn Group>, ExecutorError> {
        if let Some(node) = node {
            let of_node = V1 { cpu: self.cpu.join(&node.name), cpuacct: self.cpuacct.join(&node.name) };
            cgroup::make_node(&of_node, &distinct(&of_node.cpu, &of_node.cpuacct), node.cores)?;
        }
        let name = &cgroup::below(node, name);
        let interface = V1 { cpu: self.cpu.join(name), cpuacct: self.cpuacct.join(name) };
        let directories = distinct(&interface.cpu, &interface.cpuacct);
        let elsewhere = self.elsewhere.iter().map(|directory| directory.join(name)).collect();
        Ok(Box::new(CgroupGroup::make(interface, directories, elsewhere, cores)?))
    }

    fn parents(&self) -> Vec<PathBuf> {
        [self.made(), self.elsewhere.clone()].concat()
    }
}

impl Drop for CgroupV1 {
    fn drop(&mut self) {
        self.parents().iter().for_each(|directory| files::remove_all_below(directory));
    }
}

fn distinct(cpu: &Path, cpuacct: &Path) -> Vec<PathBuf> {
    let mut directories = vec![cpu.to_path_buf(), cpuacct.to_path_buf()];
    directories.dedup();
    directories
}

struct V1 {
    cpu: PathBuf,
    cpuacct: PathBuf,
}

impl Interface for V1 {
    fn limit(&self, Bandwidth { quota_us, period_us }: Bandwidth) -> Result<(), ExecutorError> {
        // Without a quota any period is legal; with the old quota a new period might ask for more than the parent has.
        self.unlimit()?;
        files::write(&self.cpu.join("cpu.cfs_period_us"), period_us)?;
        files::write(&self.cpu.join("cpu.cfs_quota_us"), quota_us)
    }

    fn unlimit(&self) -> Result<(), ExecutorError> {
        files::write(&self.cpu.join("cpu.cfs_quota_us"), -1)
    }

    fn read(&self) -> Option<Reading> {
        read(&self.cpuacct)
    }
}

/// The counters of a group in the `cpuacct` hierarchy.
pub fn read(directory: &Path) -> Option<Reading> {
    let part = |name| files::number(&directory.join(name)).map_or(0.0, |nanoseconds| nanoseconds as f64);
    Some(Reading {
        total: Duration::from_nanos(files::number(&directory.join("cpuacct.usage"))?),
        user: part("cpuacct.usage_user"),
        system: part("cpuacct.usage_sys"),
    })
}
