//! What the agent waits for does not come: the shared directory or the daemon hangs. The task ends within its grace.

use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::sys::stat::Mode;
use nix::unistd::{Pid, mkfifo};
use serde_json::json;

use crate::support::node::Restores;
use crate::support::task::Job;
use crate::support::{Bench, Node, Supervisor, eventually};

/// Whoever opens a pipe waits for the other side, as for a file server that is away.
fn hangs(path: &std::path::Path) {
    mkfifo(path, Mode::S_IRUSR | Mode::S_IWUSR).unwrap();
}

/// A job whose directory is there before its first task.
fn prepared<'a>(bench: &'a Bench, supervisor: &'a Supervisor, steps: u64, grace: &str) -> Job<'a> {
    use std::os::unix::fs::DirBuilderExt as _;
    let job = Job::new(bench, supervisor, steps, 5_000_000, 7, 1).with("SHELL_TRAP_GRACE_SECONDS", grace);
    std::fs::DirBuilder::new().mode(0o700).create(job.directory()).unwrap();
    job
}

fn running(node: &Node) -> Option<()> {
    (!node.docker(&["ps", "-q", "--filter", "status=running"]).is_empty()).then_some(())
}

#[test]
fn a_start_that_hangs_is_ended_and_leaves_no_container() {
    let bench = Bench::new();
    let supervisor = Supervisor::start();
    let node = bench.node("a", Restores::Nothing);
    for (file, begins) in [("finished.json", false), ("outbox-0000000001.draft", true), ("execution.draft", true)] {
        let job = prepared(&bench, &supervisor, 100_000, "30");
        hangs(&job.directory().join(file));
        let mut task = job.start(&node, 1.0);
        if begins {
            eventually("the container", || running(&node));
        } else {
            eventually("the lease", || job.directory().join("lease/0000000001").exists().then_some(()));
        }
        std::thread::sleep(Duration::from_millis(500));
        let asked = Instant::now();
        task.signal(Signal::SIGTERM);
        assert_eq!(task.wait().code(), Some(143), "{file}: {}", task.log());
        assert!(asked.elapsed() < Duration::from_secs(30), "{file}: {}", task.log());
        assert_eq!(node.containers(), Vec::<String>::new(), "{file}");
    }
}

/// Killed between the first step of a program and its first report: somebody must be told of the execution all the same.
#[test]
fn a_start_that_is_killed_before_it_could_write_down_its_report_is_reported_by_the_next_one() {
    let bench = Bench::new();
    let supervisor = Supervisor::start();
    let node = bench.node("a", Restores::Nothing);
    let job = prepared(&bench, &supervisor, 1_000_000, "30");
    supervisor.reply(503, json!({}));
    let outbox = job.directory().join("outbox-0000000001.draft");
    hangs(&outbox);
    let mut task = job.start(&node, 1.0);
    eventually("the container", || running(&node));
    // Everything that is written before the report, or does not wait for it.
    std::thread::sleep(Duration::from_secs(3));
    task.signal(Signal::SIGKILL);
    task.wait();
    std::fs::remove_file(&outbox).unwrap();
    supervisor.reply(200, json!({}));
    let mut task = job.start(&node, 2.0);
    eventually("the container taken up", || task.log().contains("the job still runs here").then_some(()));
    bench.enough();
    assert_eq!(task.wait().code(), Some(7), "{}", task.log());
    assert_eq!(supervisor.requests().first().unwrap().path, "/initMarathonApp", "{}", task.log());
    assert_eq!(supervisor.posted("/initMarathonApp").len(), 1);
    assert_eq!(supervisor.posted("/initMarathonApp")[0]["execution"], supervisor.samples("start")[0]["execution"]);
}

/// The node's daemon stands still; goes on when this is dropped.
struct Stopped(Pid);

impl Stopped {
    fn daemon_of(node: &Node) -> Self {
        let pid = std::fs::read_to_string(node.directory.join("pid")).unwrap();
        let pid = Pid::from_raw(pid.trim().parse().unwrap());
        kill(pid, Signal::SIGSTOP).unwrap();
        Stopped(pid)
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        let _ = kill(self.0, Signal::SIGCONT);
    }
}

#[test]
fn a_daemon_that_hangs_keeps_no_task_beyond_its_grace_and_the_job_goes_on_with_it() {
    let bench = Bench::new();
    let supervisor = Supervisor::start();
    let node = bench.node("a", Restores::Runtime);
    let job = prepared(&bench, &supervisor, 1_000_000, "12").with("SHELL_TRAP_LEASE_SECONDS", "60");
    let mut task = job.start(&node, 1.0);
    job.started(&mut task, 0);
    let stopped = Stopped::daemon_of(&node);
    // A wish that the agent waits for in vain, for longer than the grace is.
    supervisor.reply(200, json!({"cpus": 0.5, "rescale": "in-place"}));
    std::thread::sleep(Duration::from_secs(1));
    let asked = Instant::now();
    task.signal(Signal::SIGTERM);
    assert_eq!(task.wait().code(), Some(75), "{}", task.log());
    // Without its limits a task waits for half a minute and more; timers of a busy machine are late by some seconds.
    assert!(asked.elapsed() < Duration::from_secs(20), "{:?}: {}", asked.elapsed(), task.log());
    drop(stopped);
    let mut task = job.start(&node, 2.0);
    job.started(&mut task, 1);
    // Told by the first task, or by the second where the disk took the first one's time.
    let end = eventually("the end of the first segment", || supervisor.samples("end").first().cloned());
    assert_eq!((&end["segment"], &end["reason"]), (&json!(1), &json!("killed")));
    bench.enough();
    assert_eq!(task.wait().code(), Some(7), "{}", task.log());
    assert!(task.log().contains(&bench.complete()), "{}", task.log());
}

/// The lease is the agent's own affair: a job whose Docker hangs works on, and what was wished meanwhile is done afterwards.
#[test]
fn a_daemon_that_hangs_has_no_job_stand_still_and_a_wish_that_came_meanwhile_is_fulfilled_afterwards() {
    let bench = Bench::new();
    let supervisor = Supervisor::start();
    let node = bench.node("a", Restores::Nothing);
    let job = prepared(&bench, &supervisor, 1_000_000, "30").with("SHELL_TRAP_LEASE_SECONDS", "5");
    let mut task = job.start(&node, 1.0);
    job.started(&mut task, 0);
    job.works(5);
    let stopped = Stopped::daemon_of(&node);
    supervisor.reply(200, json!({"cpus": 0.5, "rescale": "in-place"}));
    // More than two leases.
    std::thread::sleep(Duration::from_secs(11));
    let guard = node.directory.join("run").join(job.hex()).join("guard.log");
    let said = std::fs::read_to_string(guard).unwrap_or_default();
    assert!(!said.contains("stands still"), "{said}\n{}", task.log());
    eventually("the agent's word that it cannot", || task.log().contains("cannot resize in place").then_some(()));
    job.works(5);
    drop(stopped);
    eventually("the limit that was wished", || ((node.limit(&job.hex()) - 0.5).abs() < 0.001).then_some(()));
    eventually("the agent's word", || supervisor.samples("sample").last().filter(|s| s["limit"] == 0.5).cloned());
    bench.enough();
    assert_eq!(task.wait().code(), Some(7), "{}", task.log());
}
