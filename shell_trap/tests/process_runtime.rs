//! A job that runs as a process: it does not survive its agent, does not run without a lease, and is counted to its last moment.

#![expect(clippy::unwrap_used, reason = "tests")]

#[path = "real/support/supervisor.rs"]
#[expect(dead_code, reason = "shared with the tests of containers")]
mod supervisor;

use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;
use shell_trap::runtime::process::traces::Stat;
use supervisor::Supervisor;

/// No control group can be made below a file: the limit is kept by stopping and continuing.
const NO_GROUP: (&str, &str) = ("SHELL_TRAP_CGROUP_PARENT", "/cgroup.procs/none");

fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(began.elapsed() < Duration::from_secs(120), "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// One job, whose processes all have a word of their own in their command line.
struct Job {
    uuid: String,
    /// Seconds that nobody else sleeps for.
    word: String,
    variables: Vec<(&'static str, String)>,
    directory: tempfile::TempDir,
}

impl Job {
    fn new(variables: &[(&'static str, &str)]) -> Self {
        let number = uuid::Uuid::new_v4().as_u128();
        Job {
            uuid: uuid::Uuid::new_v4().to_string(),
            word: format!("{}.{}", 3600 + number % 1000, number % 1_000_000_007),
            variables: variables.iter().map(|(name, value)| (*name, (*value).to_owned())).collect(),
            directory: tempfile::tempdir().unwrap(),
        }
    }

    fn start(&self, script: &str) -> Child {
        let spec = json!({"version": 1, "shell": script});
        let mut command = Command::new(env!("CARGO_BIN_EXE_shell_trap"));
        command.env("SHELL_TRAP_UUID", &self.uuid).env("SHELL_TRAP_SPEC", spec.to_string());
        command.env("SHELL_TRAP_RUN_DIR", self.directory.path().join("run")).env("MARATHON_APP_RESOURCE_CPUS", "0.5");
        command.env("SHELL_TRAP_GRACE_SECONDS", "30").env("SHELL_TRAP_SAMPLE_SECONDS", "1");
        command.envs(self.variables.iter().map(|(name, value)| (name, value))).spawn().unwrap()
    }

    /// A family: children in the same session and in one of their own.
    fn family(&self) -> Child {
        let word = &self.word;
        self.start(&format!("setsid sleep {word} & sleep {word} & (sleep {word} & wait) & wait"))
    }

    /// Its sleeping processes.
    fn sleepers(&self) -> Vec<i32> {
        let is_ours = |pid: &i32| {
            let text = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            text == format!("sleep\0{}\0", self.word).as_bytes() && Stat::of(*pid).is_some()
        };
        processes().into_iter().filter(is_ours).collect()
    }

    fn three_sleep(&self) -> Vec<i32> {
        eventually("three sleepers", || Some(self.sleepers()).filter(|found| found.len() == 3))
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        for pid in self.sleepers() {
            let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
        }
    }
}

fn processes() -> Vec<i32> {
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

fn pid_of(child: &Child) -> Pid {
    Pid::from_raw(child.id().cast_signed())
}

/// The keeper of this agent.
fn keeper_of(agent: &Child) -> Option<i32> {
    let is_keeper = |pid: &i32| {
        let words = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let mut words = words.split(|byte| *byte == 0).skip(1);
        let mark = format!(".{}.", agent.id());
        words.next() == Some(b"keep") && words.next().is_some_and(|w| String::from_utf8_lossy(w).contains(&mark))
    };
    processes().into_iter().find(is_keeper)
}

fn groups_of(job: &Job) -> Vec<PathBuf> {
    let name = format!("shell_trap-{}*", job.uuid.replace('-', ""));
    let find = Command::new("find").args(["/sys/fs/cgroup", "-type", "d", "-name", &name]).output().unwrap();
    String::from_utf8(find.stdout).unwrap().lines().map(|line| Path::new(line).to_owned()).collect()
}

#[test]
fn all_processes_of_a_job_end_with_an_agent_that_is_killed() {
    for variables in [&[][..], &[NO_GROUP]] {
        let job = Job::new(variables);
        let mut agent = job.family();
        job.three_sleep();
        agent.kill().unwrap();
        agent.wait().unwrap();
        eventually("the end of all of them", || job.sleepers().is_empty().then_some(()));
        eventually("the end of its groups", || groups_of(&job).is_empty().then_some(()));
    }
}

#[test]
fn what_an_agent_left_that_was_killed_with_its_keeper_is_ended_by_the_next_start() {
    for variables in [&[][..], &[NO_GROUP]] {
        let job = Job::new(variables);
        let mut agent = job.family();
        let before = job.three_sleep();
        let keeper = eventually("the keeper", || keeper_of(&agent));
        kill(Pid::from_raw(keeper), Signal::SIGKILL).unwrap();
        agent.kill().unwrap();
        agent.wait().unwrap();
        assert!(!job.sleepers().is_empty(), "nobody was there to end them");
        let mut next = job.start("exit 7");
        assert_eq!(next.wait().unwrap().code(), Some(7));
        assert!(job.sleepers().is_empty(), "{before:?} became {:?}", job.sleepers());
        assert_eq!(groups_of(&job), Vec::<PathBuf>::new());
    }
}

#[test]
fn a_keeper_that_still_ends_the_last_run_leaves_the_next_one_alone() {
    let job = Job::new(&[]);
    let mut agent = job.family();
    job.three_sleep();
    let keeper = eventually("the keeper", || keeper_of(&agent));
    // It learns of the end of its agent late.
    kill(Pid::from_raw(keeper), Signal::SIGSTOP).unwrap();
    agent.kill().unwrap();
    agent.wait().unwrap();
    let last = job.sleepers();
    let mut next = job.family();
    let new = eventually("the next run", || {
        Some(job.sleepers()).filter(|found| found.len() == 3 && found.iter().all(|pid| !last.contains(pid)))
    });
    kill(Pid::from_raw(keeper), Signal::SIGCONT).unwrap();
    eventually("the end of the keeper", || Stat::of(keeper).is_none().then_some(()));
    assert_eq!(job.sleepers(), new, "the next run was ended with the last");
    assert!(next.try_wait().unwrap().is_none());
    kill(pid_of(&next), Signal::SIGTERM).unwrap();
    assert_eq!(next.wait().unwrap().code(), Some(143));
    eventually("the end of its groups", || groups_of(&job).is_empty().then_some(()));
}

#[test]
fn a_group_that_an_earlier_version_left_is_ended_by_the_next_start() {
    let job = Job::new(&[]);
    let cgroups = shell_trap::cgroup::Cgroups::find().unwrap();
    let own = cgroups.of_process(std::process::id().cast_signed()).unwrap();
    let group = own.join(format!("shell_trap-{}", job.uuid.replace('-', "")));
    std::fs::create_dir(&group).unwrap();
    let mut left = Command::new("sleep").arg(&job.word).spawn().unwrap();
    std::fs::write(group.join("cgroup.procs"), left.id().to_string()).unwrap();
    let mut next = job.start("exit 7");
    assert_eq!(next.wait().unwrap().code(), Some(7));
    assert!(!left.wait().unwrap().success());
    assert_eq!(groups_of(&job), Vec::<PathBuf>::new());
}

#[test]
fn a_job_stands_still_while_its_agent_hangs_longer_than_the_lease() {
    assert!(nix::unistd::geteuid().is_root(), "a shared directory is root's: this test needs root");
    let shared = tempfile::tempdir().unwrap();
    let private = std::os::unix::fs::PermissionsExt::from_mode(0o700);
    std::fs::set_permissions(shared.path(), private).unwrap();
    let directory = shared.path().to_str().unwrap();
    for group in [None, Some(NO_GROUP)] {
        let lease = [("SHELL_TRAP_CHECKPOINT_DIR", directory), ("SHELL_TRAP_LEASE_SECONDS", "5")];
        let job = Job::new(&lease.into_iter().chain(group).collect::<Vec<_>>());
        let mut agent = job.family();
        job.three_sleep();
        // Longer than a lease: the agent renews it.
        std::thread::sleep(Duration::from_secs(6));
        let stopped = || job.sleepers().into_iter().filter(|pid| state(*pid) == Some('T')).count();
        eventually("all run", || (stopped() == 0).then_some(()));
        kill(pid_of(&agent), Signal::SIGSTOP).unwrap();
        eventually("all stand still", || (stopped() == 3).then_some(()));
        kill(pid_of(&agent), Signal::SIGCONT).unwrap();
        eventually("all go on", || (stopped() == 0).then_some(()));
        kill(pid_of(&agent), Signal::SIGTERM).unwrap();
        assert_eq!(agent.wait().unwrap().code(), Some(143));
        assert!(job.sleepers().is_empty());
    }
}

fn state(pid: i32) -> Option<char> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    text.rsplit_once(')')?.1.trim_start().chars().next()
}

#[test]
fn a_program_that_works_on_after_the_signal_is_counted_to_its_last_moment() {
    for variables in [&[][..], &[NO_GROUP]] {
        let supervisor = Supervisor::start();
        let url = supervisor.url();
        let job =
            Job::new(&variables.iter().copied().chain([("SHELL_TRAP_SUPERVISOR", url.as_str())]).collect::<Vec<_>>());
        let file = job.directory.path().join("times");
        let burn = "i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done";
        let script = format!("trap '{burn}; times >{}; exit 0' TERM; while :; do :; done", file.display());
        let mut agent = job.start(&script);
        eventually("a sample", || supervisor.samples("sample").iter().any(|s| s["user_seconds"] != 0.0).then_some(()));
        kill(pid_of(&agent), Signal::SIGTERM).unwrap();
        assert_eq!(agent.wait().unwrap().code(), Some(0));
        let own = seconds(&std::fs::read_to_string(&file).unwrap());
        let end = &supervisor.samples("end")[0];
        let counted = end["user_seconds"].as_f64().unwrap() + end["system_seconds"].as_f64().unwrap();
        // The start and the end of the program come on top; its own figures have hundredths.
        assert!(counted > own - 0.02 && counted < own * 1.05 + 0.15, "{counted} counted, {own} by the program: {end}");
    }
}

/// The shell's own user and system time: the first line of `times`.
fn seconds(times: &str) -> f64 {
    let part = |text: &str| -> f64 {
        let (minutes, seconds) = text.trim_end_matches('s').split_once('m').unwrap();
        minutes.parse::<f64>().unwrap() * 60.0 + seconds.parse::<f64>().unwrap()
    };
    times.lines().next().unwrap().split_whitespace().map(part).sum()
}
