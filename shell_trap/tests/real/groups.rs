//! A container below the control group of its framework's task: it is counted with the task, and ends with it.

use std::path::{Path, PathBuf};
use std::process::Command;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use shell_trap::cgroup::Cgroups;

use crate::support::node::{AGENT, Restores};
use crate::support::task::{Job, Task};
use crate::support::{Bench, Node, Supervisor, eventually};

/// A control group as Mesos makes one for a task: in the hierarchies of its isolators, and in no other.
struct TaskGroup {
    name: String,
    directories: Vec<PathBuf>,
}

impl TaskGroup {
    fn new() -> Self {
        let name = format!("/mesos-{}", uuid::Uuid::new_v4().simple());
        let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap();
        let mounts = mounts.lines().map(|line| line.split(' ').collect::<Vec<_>>());
        let isolates = |options: &str| options.split(',').any(|name| matches!(name, "cpu" | "cpuacct" | "freezer"));
        let (mut first, mut second) = (Vec::new(), Vec::new());
        for fields in mounts {
            match fields[2] {
                "cgroup" if isolates(fields[3]) => first.push(Path::new(fields[1]).join(&name[1..])),
                "cgroup2" => second.push(Path::new(fields[1]).join(&name[1..])),
                _ => {}
            }
        }
        let directories = if first.is_empty() { second } else { first };
        directories.iter().for_each(|directory| std::fs::create_dir(directory).unwrap());
        TaskGroup { name, directories }
    }

    /// Starts a task of the job in it.
    fn start(&self, job: &Job, node: &Node) -> Task {
        start_in(&self.directories, job, node)
    }

    /// As Mesos ends a task: whatever is in its group, or below.
    fn end(&self) {
        let cgroups = Cgroups::find().unwrap();
        eventually("the end of the task's group", || {
            for directory in &self.directories {
                shell_trap::runtime::docker::kill_group(&cgroups, directory);
            }
            self.directories.iter().all(|directory| !cgroups.populated(directory)).then_some(())
        });
    }

    /// Gives it so many cores, as Mesos does with `--cgroups_enable_cfs`.
    fn limit(&self, cores: f64) {
        let quota = (cores * 100_000.0).to_string();
        let written = self.directories.iter().any(|directory| {
            let file =
                ["cpu.cfs_quota_us", "cpu.max"].map(|name| directory.join(name)).into_iter().find(|f| f.exists());
            file.is_some_and(|file| std::fs::write(file, &quota).is_ok())
        });
        assert!(written, "no group of {} has a limit", self.name);
    }

    fn used(&self) -> f64 {
        let cgroups = Cgroups::find().unwrap();
        cgroups.cpu_time(&cgroups.directory(&self.name)).unwrap().total.as_secs_f64()
    }
}

/// Starts a task of the job in the groups with these directories.
fn start_in(directories: &[PathBuf], job: &Job, node: &Node) -> Task {
    let agent = job.command(node, 1.0);
    let mut command = Command::new(AGENT);
    command.arg("enter");
    for directory in directories {
        command.arg("--join").arg(directory.join("cgroup.procs"));
    }
    command.arg("--").arg(AGENT).envs(agent.get_envs().filter_map(|(name, value)| Some((name, value?))));
    job.spawn(command)
}

impl Drop for TaskGroup {
    fn drop(&mut self) {
        let cgroups = Cgroups::find().unwrap();
        for directory in &self.directories {
            shell_trap::runtime::docker::kill_group(&cgroups, directory);
        }
        cgroups.remove(&self.name);
    }
}

/// The group of the job's container by Docker and by the kernel.
fn below(job: &Job, node: &Node, parent: &str) {
    assert_eq!(node.inspect(&job.hex())["HostConfig"]["CgroupParent"], parent);
    let group = Cgroups::find().unwrap().name_of(node.process(&job.hex())).unwrap();
    assert!(group.starts_with(&format!("{parent}/")), "{group} is not below {parent}");
}

/// Directories of groups with this name in all hierarchies.
fn find(name: &str) -> Vec<PathBuf> {
    let found = Command::new("find").args(["/sys/fs/cgroup", "-type", "d", "-name", name]).output().unwrap();
    let mut found: Vec<PathBuf> = String::from_utf8(found.stdout).unwrap().lines().map(PathBuf::from).collect();
    found.sort();
    found
}

#[test]
fn in_the_task_s_own_group_a_container_is_counted_with_the_task_and_ends_with_it() {
    let bench = Bench::new();
    let supervisor = Supervisor::start();
    let nodes = [bench.node("a", Restores::Runtime), bench.node("b", Restores::Runtime)];
    let job = Job::new(&bench, &supervisor, 1_000_000, 5_000_000, 7, 1)
        .with("SHELL_TRAP_CGROUP_PARENT", "task")
        .with("SHELL_TRAP_LEASE_SECONDS", "5");
    let first = TaskGroup::new();
    let mut task = first.start(&job, &nodes[0]);
    job.started(&mut task, 0);
    let around = format!("{}/{}-1", first.name, job.hex());
    below(&job, &nodes[0], &around);
    job.works(50);
    let (own, counted) = (bench.progress().unwrap().1, first.used());
    assert!(counted > own * 0.98, "{counted} s counted in the task's group, {own} s by the workload itself");

    // The agent alone is killed, and another task takes the container up where it is; its guard watches it there.
    task.signal(Signal::SIGKILL);
    task.wait();
    let second = TaskGroup::new();
    let mut task = second.start(&job, &nodes[0]);
    assert!(job.started(&mut task, 1)["base_cpu_seconds"].as_f64().unwrap() > 0.0, "{}", task.log());
    below(&job, &nodes[0], &around);
    task.signal(Signal::SIGSTOP);
    let guard = nodes[0].directory.join("run").join(job.hex()).join("guard.log");
    let said = || std::fs::read_to_string(&guard).unwrap_or_default();
    eventually("the guard", || said().contains(&format!("{around} stands still")).then_some(()));
    let before = bench.progress();
    std::thread::sleep(std::time::Duration::from_millis(1000));
    assert_eq!(bench.progress(), before, "{}", said());
    task.signal(Signal::SIGCONT);
    job.works(5);
    task.stop();
    assert_eq!(find(&format!("{}*", job.hex())), Vec::<PathBuf>::new());
    for group in [&first, &second] {
        let mut made = group.directories.clone();
        made.sort();
        assert_eq!(find(&group.name[1..]), made, "Docker's part of the task's group is left");
    }

    // What ends the task ends the container, and the next task restores.
    let third = TaskGroup::new();
    // The framework's own limit. A container that is restored has the whole node at first, which the kernel refuses below it.
    third.limit(0.5);
    let mut task = third.start(&job, &nodes[1]);
    assert_eq!(job.started(&mut task, 2)["restored_generation"], 1, "{}", task.log());
    below(&job, &nodes[1], &format!("{}/{}-3", third.name, job.hex()));
    assert_eq!(nodes[1].inspect(&job.hex())["HostConfig"]["NanoCpus"], 1_000_000_000, "its own limit is in force");
    job.works(5);
    let program = Pid::from_raw(nodes[1].process(&job.hex()));
    third.end();
    eventually("the end of the container", || kill(program, None).is_err().then_some(()));
    task.wait();
    let fourth = TaskGroup::new();
    let mut task = fourth.start(&job, &nodes[1]);
    assert_eq!(job.started(&mut task, 3)["restored_generation"], 1, "{}", task.log());
    below(&job, &nodes[1], &format!("{}/{}-4", fourth.name, job.hex()));
    job.works(5);
    bench.enough();
    assert_eq!(task.wait().code(), Some(7), "{}", task.log());
    assert!(task.log().contains(&bench.complete()), "{}", task.log());
    assert_eq!(find(&format!("{}*", job.hex())), Vec::<PathBuf>::new());
}

#[test]
fn a_task_without_a_group_of_its_own_is_refused_before_anything_is_made() {
    let bench = Bench::new();
    let supervisor = Supervisor::start();
    let node = bench.node("a", Restores::Nothing);
    let job = Job::new(&bench, &supervisor, 5, 1000, 0, 1).with("SHELL_TRAP_CGROUP_PARENT", "task");
    let mut task = start_in(&roots(), &job, &node);
    assert_eq!(task.wait().code(), Some(1), "{}", task.log());
    assert!(task.log().contains("SHELL_TRAP_CGROUP_PARENT=task: this task has no control group"), "{}", task.log());
    assert_eq!(node.containers(), Vec::<String>::new());
    assert!(!job.directory().join("lease").exists(), "the job was taken");
}

#[test]
fn a_docker_whose_groups_are_systemd_s_is_refused_by_what_it_says_before_anything_is_made() {
    let bench = Bench::new();
    let supervisor = Supervisor::start();
    let options = ["--exec-opt", "native.cgroupdriver=systemd"].map(str::to_owned);
    let node = bench.node_with("a", options.to_vec());
    assert_eq!(node.docker(&["info", "--format", "{{.CgroupDriver}}"]), "systemd");
    let job = Job::new(&bench, &supervisor, 5, 1000, 0, 1).with("SHELL_TRAP_CGROUP_PARENT", "task");
    let group = TaskGroup::new();
    let mut task = group.start(&job, &node);
    assert_eq!(task.wait().code(), Some(1), "{}", task.log());
    let why = format!(
        "Docker's cgroup driver is systemd, which puts containers into slices only; the task is in {}",
        group.name
    );
    assert!(task.log().contains(&why) && task.log().contains("it must be cgroupfs"), "{}", task.log());
    assert_eq!(node.containers(), Vec::<String>::new());
    assert!(!job.directory().join("lease").exists(), "the job was taken");
}

/// The root groups, of what a task's group is made in.
fn roots() -> Vec<PathBuf> {
    let group = TaskGroup::new();
    group.directories.iter().map(|directory| directory.parent().unwrap().to_owned()).collect()
}
