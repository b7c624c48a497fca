//! Resizes with changes of the node, and what must survive them.

use std::process::Command;

use shell_trap::clock::unix_seconds;

use crate::support::node::Restores;
use crate::support::task::Job;
use crate::support::{Bench, Supervisor, eventually};

const RESIZES: usize = 20;

/// Twenty resizes between two nodes; the workload checks itself that no step was lost or repeated.
fn resizes(paths: [Restores; 2], resizes: usize) {
    let bench = Bench::new();
    let supervisor = Supervisor::start();
    let nodes = [bench.node("a", paths[0]), bench.node("b", paths[1])];
    let job = Job::new(&bench, &supervisor, 1_000_000, 5_000_000, 7, 4);
    let mut lost = Vec::new();
    let (mut stopped_at, mut last_step) = (0, 0.0);
    for segment in 0..=resizes {
        let node = &nodes[segment % 2];
        let mut task = job.start(node, 1.0 + (segment % 3) as f64 / 2.0);
        if segment > 0 {
            eventually("the first step after a resize", || bench.progress().filter(|(steps, _)| *steps > stopped_at));
            lost.push(unix_seconds() - last_step);
        }
        let start = job.started(&mut task, segment);
        let line = task.log().lines().find(|line| line.contains("checkpoints can be made")).map(str::to_owned).unwrap();
        assert!(line.contains(paths[segment % 2].said()) && line.ends_with("dump=Runc"), "{line}");
        if segment > 0 {
            let (steps, _) = bench.progress().unwrap();
            assert!(steps >= stopped_at);
            assert_eq!(start["restored_generation"], segment, "{}", task.log());
            assert!(!task.log().contains("CRIU did not say"), "{}", task.log());
        }
        assert_eq!(start["segment"], segment + 1);
        eventually("some steps", || bench.progress().filter(|(steps, _)| *steps > stopped_at + 20));
        if segment < resizes {
            task.stop();
            let written = std::fs::metadata(bench.base.join("progress/now")).unwrap().modified().unwrap();
            last_step = written.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs_f64();
            stopped_at = bench.progress().unwrap().0;
            assert_eq!(node.containers(), Vec::<String>::new());
            assert!(job.generations().len() <= 2);
        } else {
            // Enough of its own work that what is measured wrong at each restore is seen as a share of it.
            let enough = f64::max(6.0, resizes as f64 * 0.9);
            eventually("a job that is worth measuring", || bench.progress().filter(|(_, seconds)| *seconds > enough));
            bench.enough();
            let status = task.wait();
            assert_eq!(status.code(), Some(7), "{}", task.log());
            assert!(task.log().contains(&bench.complete()), "{}", task.log());
        }
    }
    lost.sort_by(f64::total_cmp);
    let ms = |share: f64| lost[((lost.len() - 1) as f64 * share).round() as usize] * 1000.0;
    println!(
        "time lost per resize, from the last step before to the first after: p50 {:.0} ms, p99 {:.0} ms of {resizes}",
        ms(0.5),
        ms(0.99)
    );
    let starts = supervisor.samples("start");
    let ends = supervisor.samples("end");
    assert_eq!((starts.len(), ends.len()), (resizes + 1, resizes + 1));
    assert_eq!(supervisor.posted("/initMarathonApp").len(), 1);
    let end = &supervisor.posted("/endMarathonApp")[0];
    assert_eq!(end["exit_code"], 7);
    let counted: f64 =
        ends.iter().map(|e| e["user_seconds"].as_f64().unwrap() + e["system_seconds"].as_f64().unwrap()).sum();
    let (_, own) = bench.progress().unwrap();
    println!(
        "CPU-seconds: {counted:.3} by the segments, {own:.3} by the workload itself: {:+.2} %",
        (counted / own - 1.0) * 100.0
    );
    assert!((counted / own - 1.0).abs() < 0.02, "{counted} by the segments, {own} by the workload");
    assert!((end["cpu_seconds"].as_f64().unwrap() - counted).abs() < 0.01);
    assert!(supervisor.requests().iter().all(|r| r.authorization.as_deref() == Some("Bearer job-token")));
    assert!(job.generations().is_empty());
    // In none of the hierarchies, with whatever is mounted beside them.
    let find =
        Command::new("find").args(["/sys/fs/cgroup", "-type", "d", "-name", &format!("*{}*", job.hex())]).output();
    assert_eq!(String::from_utf8(find.unwrap().stdout).unwrap(), "", "groups of the job are left");
}

#[test]
fn twenty_resizes_between_two_nodes_lose_and_repeat_nothing() {
    resizes([Restores::Runtime, Restores::Runtime], RESIZES);
}

#[test]
fn nodes_with_and_without_the_runtime_entry_work_together() {
    resizes([Restores::Engine, Restores::Runtime], 3);
}
