//! Programs of other users than root.

use std::os::unix::fs::MetadataExt as _;

use serde_json::{Value, json};

use crate::support::node::{OTHER_USER, Restores, has_sys_resource};
use crate::support::task::{Job, Task};
use crate::support::{Bench, Node, Supervisor, eventually};

fn job<'a>(bench: &'a Bench, supervisor: &'a Supervisor) -> Job<'a> {
    let mut job = Job::new(bench, supervisor, 1_000_000, 5_000_000, 7, 4);
    job.spec["user"] = json!(format!("{OTHER_USER}:{OTHER_USER}"));
    job
}

/// Waits for a segment that works; its start. The program is its user's, whatever the agent is.
fn works(job: &Job, node: &Node, task: &mut Task, segment: usize) -> Value {
    let start = job.started(task, segment);
    let before = job.bench.progress().map_or(0, |progress| progress.0);
    eventually("some steps", || job.bench.progress().filter(|(steps, _)| *steps > before + 20));
    let id = node.containers().remove(0);
    let process = format!("/proc/{}", node.inspect(&id)["State"]["Pid"]);
    let process = std::fs::metadata(process).unwrap();
    assert_eq!((process.uid(), process.gid()), (OTHER_USER, OTHER_USER), "segment {segment}");
    start
}

fn completes(job: &Job, task: &mut Task) {
    job.bench.enough();
    assert_eq!(task.wait().code(), Some(7), "{}", task.log());
    assert!(task.log().contains(&job.bench.complete()), "{}", task.log());
    assert_eq!(job.supervisor.posted("/initMarathonApp").len(), 1);
    assert_eq!(job.supervisor.posted("/endMarathonApp")[0]["exit_code"], 7);
}

fn survives(paths: [Restores; 2]) {
    let bench = Bench::new();
    let supervisor = Supervisor::start();
    let nodes = [bench.node("a", paths[0]), bench.node("b", paths[1])];
    let job = job(&bench, &supervisor);
    for segment in 0..3 {
        let node = &nodes[segment % 2];
        let mut task = job.start(node, 1.0);
        let start = works(&job, node, &mut task, segment);
        if segment > 0 {
            assert_eq!(start["restored_generation"], segment, "{}", task.log());
        }
        if segment < 2 {
            task.stop();
        } else {
            completes(&job, &mut task);
        }
    }
}

/// Where the kernel lets no checkpoint be made of it nothing is lost either: it runs on for the next task of the node.
fn is_left_running() {
    let bench = Bench::new();
    let supervisor = Supervisor::start();
    let node = bench.node("a", Restores::Runtime);
    let job = job(&bench, &supervisor).with("SHELL_TRAP_GRACE_SECONDS", "20");
    let mut task = job.start(&node, 1.0);
    works(&job, &node, &mut task, 0);
    assert!(task.log().contains("without CAP_SYS_RESOURCE"), "{}", task.log());
    task.signal(nix::sys::signal::Signal::SIGTERM);
    assert_eq!(task.wait().code(), Some(75), "{}", task.log());
    let end = eventually("the report", || supervisor.samples("end").first().cloned());
    assert!(end["reason"] == "killed" && !end["detail"].as_str().unwrap().is_empty(), "{end}");
    // On a busy machine the last of the attempts is cut off before it can say so.
    assert!(task.log().lines().any(|l| l.contains("the checkpoint failed") && l.contains("rlimit")), "{}", task.log());
    let mut task = job.start(&node, 2.0);
    let start = works(&job, &node, &mut task, 1);
    assert!(start["base_cpu_seconds"].as_f64().unwrap() > 0.0, "{start}");
    completes(&job, &mut task);
}

#[test]
fn a_program_of_another_user_survives_resizes_or_is_left_running_where_it_cannot_be_dumped() {
    if has_sys_resource() {
        survives([Restores::Runtime, Restores::Runtime]);
        survives([Restores::Engine, Restores::Runtime]);
    } else {
        println!("no CAP_SYS_RESOURCE here: no checkpoint can be made of a program of another user");
        is_left_running();
    }
}
