//! Control groups v2: one hierarchy, where a group may be delegated to this process.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::unistd::Pid;

use super::cgroup::{CgroupGroup, Interface, Reading};
use super::{Group, Limiter, Node, cgroup, files, probe};
use crate::local::executor::ExecutorError;
use crate::local::executor::limit::Bandwidth;

/// The leaf that this process moves into: a v2 group with processes of its own cannot limit groups below it.
const OWN_LEAF: &str = "mesos-qos-self";

/// Makes groups in one directory.
pub struct CgroupV2 {
    parent: PathBuf,
}

impl CgroupV2 {
    /// Makes the directory named `instance` below the nearest group, from this process's own upwards, in which the
    /// `cpu` controller can be had.
    ///
    /// # Errors
    /// When there is none: what the nearest said.
    pub fn open(instance: &str) -> Result<Self, ExecutorError> {
        let files::Surroundings { mounts, groups } = files::surroundings()?;
        let own = groups.iter().find(|group| group.controllers.iter().all(String::is_empty));
        let is_v2 = |m: &procfs::process::MountInfo| m.fs_type == "cgroup2";
        let directory = files::own_directory(&mounts, own.map_or("/", |group| &group.pathname), is_v2)
            .ok_or_else(|| ExecutorError("no control group v2 hierarchy is mounted".into()))?;
        let mut first_error = None;
        for base in directory.ancestors().take_while(|base| base.join("cgroup.controllers").is_file()) {
            match Self::open_in(base, instance) {
                Ok(limiter) => return Ok(limiter),
                Err(error) => first_error.get_or_insert(error),
            };
        }
        Err(first_error.unwrap_or_else(|| files::about(&directory, "is no control group v2")))
    }

    fn open_in(base: &Path, instance: &str) -> Result<Self, ExecutorError> {
        enable_cpu(base)?;
        let parent = base.join(instance);
        fs::create_dir(&parent).map_err(|e| files::about(&parent, e))?;
        let limiter = CgroupV2 { parent };
        files::write(&limiter.parent.join("cpu.weight"), 100 * files::WEIGHT_OF_ALL_TASKS)?;
        enable_cpu(&limiter.parent)?;
        probe(&limiter)?;
        Ok(limiter)
    }
}

/// Hands the `cpu` controller down to the groups below `base`.
fn enable_cpu(base: &Path) -> Result<(), ExecutorError> {
    let has_cpu = |file: &str| {
        fs::read_to_string(base.join(file)).is_ok_and(|list| list.split_whitespace().any(|name| name == "cpu"))
    };
    if has_cpu("cgroup.subtree_control") {
        return Ok(());
    }
    if !has_cpu("cgroup.controllers") {
        return Err(files::about(base, "the cpu controller is not available in this control group"));
    }
    step_out_of(base)?;
    files::write(&base.join("cgroup.subtree_control"), "+cpu")
}

/// Makes sure that `base` has no process of its own. With one, the kernel would take the controller all the same and make it a
/// threaded group, whose groups take no processes. The root group, which has no type, may have both.
fn step_out_of(base: &Path) -> Result<(), ExecutorError> {
    let members = files::members(base);
    if members.is_empty() || !base.join("cgroup.type").exists() {
        return Ok(());
    }
    // Delegated, and this process sits in it: stepping into a leaf is allowed, moving others about is not our business.
    if members != [Pid::this()] {
        return Err(files::about(base, "other processes are in this control group, so none below it can be limited"));
    }
    let leaf = base.join(OWN_LEAF);
    match fs::create_dir(&leaf) {
        Err(e) if e.kind() != std::io::ErrorKind::AlreadyExists => Err(files::about(&leaf, e)),
        _ => files::write(&leaf.join("cgroup.procs"), 0),
    }
}

impl Limiter for CgroupV2 {
    fn name(&self) -> &'static str {
        "cgroup-v2"
    }

    fn group(&self, name: &str, cores: f64, node: Option<&Node>) -> Result<Box<dyn Group>, ExecutorError> {
        if let Some(node) = node {
            let directory = self.parent.join(&node.name);
            cgroup::make_node(&V2 { directory: directory.clone() }, std::slice::from_ref(&directory), node.cores)?;
            enable_cpu(&directory)?;
        }
        let directory = self.parent.join(cgroup::below(node, name));
        Ok(Box::new(CgroupGroup::make(V2 { directory: directory.clone() }, vec![directory], vec![], cores)?))
    }

    fn parents(&self) -> Vec<PathBuf> {
        vec![self.parent.clone()]
    }
}

impl Drop for CgroupV2 {
    fn drop(&mut self) {
        files::remove_all_below(&self.parent);
    }
}

struct V2 {
    directory: PathBuf,
}

impl Interface for V2 {
    fn limit(&self, Bandwidth { quota_us, period_us }: Bandwidth) -> Result<(), ExecutorError> {
        files::write(&self.directory.join("cpu.max"), format_args!("{quota_us} {period_us}"))
    }

    fn unlimit(&self) -> Result<(), ExecutorError> {
        files::write(&self.directory.join("cpu.max"), "max")
    }

    fn read(&self) -> Option<Reading> {
        read(&self.directory)
    }
}

/// The counters of a group.
pub fn read(directory: &Path) -> Option<Reading> {
    parse_stat(&fs::read_to_string(directory.join("cpu.stat")).ok()?)
}

fn parse_stat(text: &str) -> Option<Reading> {
    let values: BTreeMap<&str, u64> =
        text.lines().filter_map(|line| line.split_once(' ')).filter_map(|(k, v)| Some((k, v.parse().ok()?))).collect();
    Some(Reading {
        total: Duration::from_micros(*values.get("usage_usec")?),
        user: values.get("user_usec").map_or(0.0, |&v| v as f64),
        system: values.get("system_usec").map_or(0.0, |&v| v as f64),
    })
}

/// What a kernel has to say to all of this is tested in `tests/executor_process.rs`, in a kernel of its own where need be.
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counters_are_microseconds() {
        let reading = parse_stat("usage_usec 1500000\nuser_usec 1000000\nsystem_usec 500000\nnr_periods 3\n").unwrap();
        assert_eq!(reading.total, Duration::from_millis(1500));
        assert!((reading.user - 2.0 * reading.system).abs() < 1e-9);
        assert!(parse_stat("nr_periods 3\n").is_none());
    }

    #[test]
    fn a_group_without_the_cpu_controller_is_refused_by_name() {
        let base = tempfile::tempdir().unwrap();
        fs::write(base.path().join("cgroup.controllers"), "hugetlb pids\n").unwrap();
        let error = enable_cpu(base.path()).unwrap_err().to_string();
        assert!(error.contains("cpu controller") && error.contains(&base.path().display().to_string()), "{error}");
    }

    #[test]
    fn a_group_with_other_processes_is_left_as_it_is() {
        let base = tempfile::tempdir().unwrap();
        for (file, text) in [("cgroup.controllers", "cpu pids\n"), ("cgroup.type", "domain\n"), ("cgroup.procs", "1\n")]
        {
            fs::write(base.path().join(file), text).unwrap();
        }
        let error = enable_cpu(base.path()).unwrap_err().to_string();
        assert!(error.contains("other processes are in this control group"), "{error}");
        assert!(!base.path().join("cgroup.subtree_control").exists(), "nothing was enabled");
        // The root group has processes always, and no type.
        fs::remove_file(base.path().join("cgroup.type")).unwrap();
        enable_cpu(base.path()).unwrap();
        assert_eq!(fs::read_to_string(base.path().join("cgroup.subtree_control")).unwrap(), "+cpu");
    }

    #[test]
    fn a_limit_is_one_line_of_quota_and_period() {
        let directory = tempfile::tempdir().unwrap().keep();
        let group = V2 { directory: directory.clone() };
        group.limit(Bandwidth { quota_us: 8_500, period_us: 50_000 }).unwrap();
        assert_eq!(fs::read_to_string(directory.join("cpu.max")).unwrap(), "8500 50000");
        fs::remove_dir_all(directory).unwrap();
    }
}
