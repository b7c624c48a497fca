//! The agent is killed at any moment: the next start goes on, and no two containers of the job run at once.

use std::time::Duration;

use nix::sys::signal::Signal;
use shell_trap::cgroup::Cgroups;

use crate::support::node::Restores;
use crate::support::task::Job;
use crate::support::{Bench, Node, Supervisor, eventually};

const RUNS: u32 = 20;

fn running(node: &Node) -> usize {
    node.docker(&["ps", "-q", "--filter", "status=running"]).lines().count()
}

/// On one node: sometimes while it starts, sometimes while it runs, sometimes in the middle of a checkpoint.
#[test]
fn a_kill_at_any_moment_is_recovered_from_by_the_next_start() {
    let bench = Bench::new();
    let supervisor = Supervisor::start();
    let node = bench.node("a", Restores::Runtime);
    let job = Job::new(&bench, &supervisor, 1_000_000, 5_000_000, 7, 4);
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let mut known = 0;
    for run in 0..RUNS {
        let mut task = job.start(&node, 1.0);
        let kind = run % 3;
        if kind == 0 {
            // At any moment of the start.
            std::thread::sleep(Duration::from_millis(random.u64(0..1200)));
        } else {
            job.started(&mut task, known);
            std::thread::sleep(Duration::from_millis(random.u64(0..300)));
            if kind == 2 {
                task.signal(Signal::SIGTERM);
                std::thread::sleep(Duration::from_millis(random.u64(0..800)));
            }
        }
        task.signal(Signal::SIGKILL);
        task.wait();
        known = supervisor.samples("start").len();
        assert!(running(&node) <= 1, "seed {seed}, run {run}");
    }
    let mut task = job.start(&node, 2.0);
    // What it tells first may be the start of a segment whose agent was killed before it could.
    eventually("a running container of this task", || {
        let log = task.log();
        let goes_on =
            ["started anew", "restored generation", "the job still runs here"].iter().any(|w| log.contains(w));
        (goes_on && running(&node) == 1).then_some(())
    });
    let before = bench.progress().unwrap().0;
    println!("after {RUNS} kills: at step {before}, {} starts, generations {:?}", known, job.generations());
    job.works(20);
    bench.enough();
    let status = task.wait();
    assert_eq!(status.code(), Some(7), "seed {seed}: {}", task.log());
    assert!(task.log().contains(&bench.complete()), "seed {seed}: {}", task.log());
    assert_eq!(node.containers(), Vec::<String>::new());
    let ends = supervisor.posted("/endMarathonApp");
    assert_eq!(ends.len(), 1);
    assert_eq!(ends[0]["exit_code"], 7);
    assert_eq!(supervisor.posted("/initMarathonApp").len(), 1, "seed {seed}");
    // Segments rise, and the state that a segment starts with is never more than was worked.
    let starts = supervisor.samples("start");
    let segments: Vec<u64> = starts.iter().map(|s| s["segment"].as_u64().unwrap()).collect();
    assert!(segments.is_sorted_by(|a, b| a < b), "{segments:?}");
    // Nothing that was in a checkpoint, or in a container that ran on, is ever done again.
    let bases: Vec<f64> = starts.iter().map(|s| s["base_cpu_seconds"].as_f64().unwrap()).collect();
    assert!(bases.is_sorted(), "seed {seed}: {bases:?}");
}

/// A node that lost its agent must not run the job beside the node that goes on with it.
#[test]
fn an_orphaned_container_stands_still_before_another_node_goes_on() {
    let bench = Bench::new();
    let supervisor = Supervisor::start();
    let (a, b) = (bench.node("a", Restores::Runtime), bench.node("b", Restores::Runtime));
    // The guard of the orphan has lease and grace to come to it, on a machine that has other things to do.
    let job = Job::new(&bench, &supervisor, 100_000, 5_000_000, 0, 1)
        .with("SHELL_TRAP_LEASE_SECONDS", "4")
        .with("SHELL_TRAP_LEASE_GRACE_SECONDS", "3");
    let mut first = job.start(&a, 1.0);
    job.started(&mut first, 0);
    // One published generation to go on from.
    first.stop();
    let mut first = job.start(&a, 1.0);
    job.started(&mut first, 1);
    let orphan = a.containers().remove(0);
    // The other node's task waits as long as the first one lives.
    let mut second = job.start(&b, 1.0);
    std::thread::sleep(Duration::from_secs(9));
    assert_eq!((b.containers().len(), supervisor.samples("start").len()), (0, 2), "{}", second.log());
    assert_eq!(a.inspect(&orphan)["State"]["Status"], "running");
    let cgroups = Cgroups::find().unwrap();
    let pid = i32::try_from(a.inspect(&orphan)["State"]["Pid"].as_i64().unwrap()).unwrap();
    let group = cgroups.of_process(pid).unwrap();
    first.signal(Signal::SIGKILL);
    first.wait();
    eventually("the other node's container", || (!b.containers().is_empty()).then_some(()));
    // From here on the orphan does not work any more; its removal, which may be under way, is no work.
    let used = || cgroups.cpu_time(&group).ok();
    let before = used();
    let start = job.started(&mut second, 2);
    std::thread::sleep(Duration::from_millis(500));
    if let (Some(before), Some(after)) = (before, used()) {
        let worked = after.since(before).total;
        let guard = std::fs::read_to_string(a.directory.join("run").join(job.hex()).join("guard.log")).unwrap();
        assert!(worked < Duration::from_millis(10), "the orphan worked {worked:?}: {guard}");
    }
    assert_eq!(start["restored_generation"], 1, "{}", second.log());
    eventually("the orphan's removal", || a.containers().is_empty().then_some(()));
    second.stop();
}

/// A dump that was cut off lets the container go on behind Docker's back. Docker would neither pause nor checkpoint it again.
#[test]
fn a_pause_that_docker_alone_believes_in_is_ended() {
    let bench = Bench::new();
    let supervisor = Supervisor::start();
    let node = bench.node("a", Restores::Runtime);
    let job = Job::new(&bench, &supervisor, 1_000_000, 5_000_000, 7, 4);
    let mut task = job.start(&node, 1.0);
    job.started(&mut task, 0);
    let cgroups = Cgroups::find().unwrap();
    // The agent looks every two seconds, and may come in between.
    eventually("Docker's wrong belief to be noticed", || {
        node.docker(&["pause", &job.hex()]);
        cgroups.thaw_process(node.process(&job.hex()));
        let looked = || task.log().contains("Docker believes in a pause that is over").then_some(());
        let ended = || (running(&node) == 1).then_some(());
        eventually("Docker to know that it runs", ended);
        looked()
    });
    job.works(5);
    task.stop();
    assert!(bench.progress().unwrap().0 > 0 && running(&node) == 0, "{}", task.log());
    assert!(task.log().contains("generation"), "it can be checkpointed: {}", task.log());
}
