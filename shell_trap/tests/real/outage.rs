//! Something that the agent depends on is away for a while: the daemon, the agent itself, the supervisor.

use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::support::node::{AGENT, Restores};
use crate::support::task::Job;
use crate::support::{Bench, Supervisor, eventually};

fn steps(bench: &Bench, more: u64) {
    let before = bench.progress().map_or(0, |progress| progress.0);
    eventually("some steps", || bench.progress().filter(|(steps, _)| *steps > before + more));
}

/// The daemon ends containers when it is stopped: that is no end of the job.
#[test]
fn a_job_that_its_daemon_took_down_goes_on_from_its_checkpoint() {
    let bench = Bench::new();
    let supervisor = Supervisor::start();
    let node = bench.node("a", Restores::Runtime);
    let job = Job::new(&bench, &supervisor, 1_000_000, 5_000_000, 7, 1);
    let mut task = job.start(&node, 1.0);
    job.started(&mut task, 0);
    steps(&bench, 20);
    task.stop();
    let mut task = job.start(&node, 1.0);
    job.started(&mut task, 1);
    bench.restart(&node);
    assert_eq!(task.wait().code(), Some(75), "{}", task.log());
    assert!(supervisor.posted("/endMarathonApp").is_empty());
    assert_eq!(supervisor.samples("end").last().unwrap()["reason"], "lost");
    let mut task = job.start(&node, 2.0);
    assert_eq!(job.started(&mut task, 2)["restored_generation"], 1, "{}", task.log());
    bench.enough();
    assert_eq!(task.wait().code(), Some(7), "{}", task.log());
    assert!(task.log().contains(&bench.complete()), "{}", task.log());
}

/// A daemon that leaves containers alone is away for a while: the job ends by itself all the same, later.
#[test]
fn an_end_after_the_daemon_came_back_is_the_job_s_own() {
    let bench = Bench::new();
    let supervisor = Supervisor::start();
    let options = vec!["--live-restore".to_owned(), "--add-runtime".to_owned(), format!("shell_trap={AGENT}")];
    let node = bench.node_with("a", options);
    let job = Job::new(&bench, &supervisor, 100_000, 5_000_000, 7, 1);
    let mut task = job.start(&node, 1.0);
    job.started(&mut task, 0);
    bench.restart(&node);
    // For longer than it takes until the daemon counts as back.
    std::thread::sleep(Duration::from_secs(12));
    steps(&bench, 5);
    assert!(task.running(), "{}", task.log());
    let id = node.containers().remove(0);
    let pid = i32::try_from(node.inspect(&id)["State"]["Pid"].as_i64().unwrap()).unwrap();
    // A program that crashes has ended by itself.
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), Signal::SIGKILL).unwrap();
    assert_eq!(task.wait().code(), Some(137), "{}", task.log());
    assert_eq!(supervisor.posted("/endMarathonApp")[0]["exit_code"], 137);
}

/// The agent stands still for longer than its lease. Nobody took the job meanwhile: it goes on, with its limit.
#[test]
fn a_job_whose_agent_stood_still_stands_still_too_and_keeps_its_limit() {
    let bench = Bench::new();
    let supervisor = Supervisor::start();
    let node = bench.node("a", Restores::Runtime);
    let job = Job::new(&bench, &supervisor, 100_000, 5_000_000, 0, 1).with("SHELL_TRAP_LEASE_SECONDS", "4");
    // So little that the kernel holds it back nearly always: it cannot be frozen without lifting that.
    let mut task = job.start(&node, 0.05);
    job.started(&mut task, 0);
    steps(&bench, 1);
    task.signal(Signal::SIGSTOP);
    let guard = node.directory.join("run").join(job.hex()).join("guard.log");
    let said = || std::fs::read_to_string(&guard).unwrap_or_default();
    eventually("the guard", || said().contains("stands still").then_some(()));
    let before = bench.progress();
    std::thread::sleep(Duration::from_millis(1500));
    assert_eq!(bench.progress(), before, "{}", said());
    task.signal(Signal::SIGCONT);
    steps(&bench, 1);
    eventually("the limit", || ((node.limit(&job.hex()) - 0.05).abs() < 0.001).then_some(()));
    task.stop();
}

/// The agent stands still for longer than its lease, and another node takes the job: the first one leaves it alone.
#[test]
fn an_agent_that_comes_back_too_late_leaves_the_job_to_its_successor() {
    let bench = Bench::new();
    let supervisor = Supervisor::start();
    let (a, b) = (bench.node("a", Restores::Runtime), bench.node("b", Restores::Runtime));
    let job = Job::new(&bench, &supervisor, 100_000, 5_000_000, 0, 1).with("SHELL_TRAP_LEASE_SECONDS", "5");
    let mut first = job.start(&a, 1.0);
    job.started(&mut first, 0);
    steps(&bench, 20);
    first.stop();
    let mut first = job.start(&a, 1.0);
    job.started(&mut first, 1);
    first.signal(Signal::SIGSTOP);
    let mut second = job.start(&b, 1.0);
    assert_eq!(job.started(&mut second, 2)["restored_generation"], 1, "{}", second.log());
    first.signal(Signal::SIGCONT);
    assert_eq!(first.wait().code(), Some(75), "{}", first.log());
    assert_eq!(a.containers(), Vec::<String>::new(), "{}", first.log());
    steps(&bench, 5);
    second.stop();
    assert_eq!(job.generations(), [2, 1]);
}

/// The supervisor is away, and the agent is killed: what it had to say is said by the next one, once and in order.
#[test]
fn reports_survive_a_kill_of_the_agent() {
    let bench = Bench::new();
    let supervisor = Supervisor::start();
    let node = bench.node("a", Restores::Runtime);
    supervisor.reply(503, json!({}));
    let job = Job::new(&bench, &supervisor, 1_000_000, 5_000_000, 0, 1);
    let mut task = job.start(&node, 1.0);
    eventually("the start", || task.log().contains("started anew").then_some(()));
    steps(&bench, 5);
    task.signal(Signal::SIGKILL);
    task.wait();
    supervisor.reply(200, json!({}));
    let mut task = job.start(&node, 2.0);
    job.started(&mut task, 1);
    bench.enough();
    assert_eq!(task.wait().code(), Some(0), "{}", task.log());
    assert_eq!(supervisor.requests()[0].path, "/initMarathonApp");
    assert_eq!(supervisor.posted("/initMarathonApp").len(), 1);
    let segments: Vec<Value> = supervisor.samples("start").iter().map(|start| start["segment"].clone()).collect();
    assert_eq!(segments, [json!(1), json!(2)]);
    assert_eq!(supervisor.posted("/endMarathonApp").len(), 1);
}
