//! Resizes with changes of the node, and what must survive them.

use crate::support::node::Path2;
use crate::support::task::Job;
use crate::support::{Bench, Supervisor, eventually};

const RESIZES: usize = 20;

/// Twenty resizes between two nodes; the workload checks itself that no step was lost or repeated.
fn resizes(paths: [Path2; 2], resizes: usize) {
    let bench = Bench::new();
    let supervisor = Supervisor::start();
    let nodes = [bench.node("a", paths[0]), bench.node("b", paths[1])];
    let job = Job::new(&bench, &supervisor, 3000, 5_000_000, 7, 4);
    let mut lost = Vec::new();
    let mut stopped_at = 0;
    for segment in 0..=resizes {
        let node = &nodes[segment % 2];
        let began = std::time::Instant::now();
        let mut task = job.start(node, 1.0 + (segment % 3) as f64 / 2.0);
        let start = job.started(&mut task, segment);
        if segment > 0 {
            let (steps, _) = bench.progress().unwrap();
            println!("segment {segment}: starts at step {steps}");
            assert!(steps >= stopped_at);
            assert_eq!(start["restored_generation"], segment, "{}", task.log());
        }
        assert_eq!(start["segment"], segment + 1);
        eventually("some steps", || bench.progress().filter(|(steps, _)| *steps > stopped_at + 20));
        let up = began.elapsed();
        if segment < resizes {
            let down = task.stop();
            stopped_at = bench.progress().unwrap().0;
            assert_eq!(node.containers(), Vec::<String>::new());
            assert!(job.generations().len() <= 2);
            lost.push(down + up);
            println!("stop {down:?}");
        } else {
            let status = task.wait();
            assert_eq!(status.code(), Some(7), "{}", task.log());
            assert!(task.log().contains("complete 3000"), "{}", task.log());
        }
    }
    let starts = supervisor.samples("start");
    let ends = supervisor.samples("end");
    assert_eq!((starts.len(), ends.len()), (resizes + 1, resizes + 1));
    assert_eq!(supervisor.posted("/initMarathonApp").len(), 1);
    let end = &supervisor.posted("/endMarathonApp")[0];
    assert_eq!(end["exit_code"], 7);
    let counted: f64 = ends.iter().map(|e| e["user_seconds"].as_f64().unwrap() + e["system_seconds"].as_f64().unwrap()).sum();
    let (_, own) = bench.progress().unwrap();
    println!("CPU-seconds: {counted:.3} by the segments, {own:.3} by the workload itself: {:+.2} %", (counted / own - 1.0) * 100.0);
    assert!((counted / own - 1.0).abs() < 0.02, "{counted} by the segments, {own} by the workload");
    assert!((end["cpu_seconds"].as_f64().unwrap() - counted).abs() < 0.01);
    assert!(supervisor.requests().iter().all(|r| r.authorization.as_deref() == Some("Bearer job-token")));
    assert!(job.generations().is_empty());
}

#[test]
fn twenty_resizes_between_two_nodes_lose_and_repeat_nothing() {
    resizes([Path2::Runtime, Path2::Runtime], RESIZES);
}

#[test]
fn nodes_with_and_without_the_runtime_entry_work_together() {
    resizes([Path2::Engine, Path2::Runtime], 3);
}
