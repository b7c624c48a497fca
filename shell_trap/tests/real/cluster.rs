//! All parts together: the cluster, the supervisor, the launcher and the agent, on two nodes with Docker and CRIU.

use std::time::{Duration, Instant};

use mesos_qos::clients::marathon::AppId;
use serde_json::{Value, json};

use crate::support::node::Restores;
use crate::support::world::{World, app, steps_for};
use crate::support::{Bench, Favoured, Node, eventually};

/// Real cores behind one CPU of the cluster.
const FACTOR: f64 = 0.4;
/// CPUs with which the job is submitted.
const SUBMITTED: f64 = 0.5;
/// CPUs that its deadline needs.
const NEEDED: f64 = 0.65;
/// CPU-seconds of the cluster that the job declares.
const DECLARED: f64 = 24.0;
/// Of a step of the workload.
const LOOPS: u64 = 5_000_000;

#[test]
fn a_late_job_gets_more_cpu_by_a_checkpoint_and_loses_no_step() {
    drop(rustls::crypto::ring::default_provider().install_default());
    let bench = Bench::new();
    let nodes = [bench.node("a", Restores::Runtime), bench.node("b", Restores::Runtime)];
    let steps = steps_for(&bench, &nodes[0], DECLARED * FACTOR, LOOPS);
    actix_rt::System::new().block_on(run(&bench, &nodes, steps));
}

/// What the limit of a segment let its container have.
fn core_seconds_allowed(start: &Value, end: &Value) -> f64 {
    let number = |event: &Value, key: &str| event[key].as_f64().unwrap_or_else(|| panic!("{key} of {event}"));
    let seconds = (number(end, "ended_at") - number(start, "started_at")) / 1e6;
    seconds * number(start, "limit") / 1e3 * FACTOR
}

async fn run(bench: &Bench, nodes: &[Node], steps: u64) {
    let favoured = Favoured::new();
    let period = ("ELASTICITY_MONITORING_PERIOD", "4");
    let agent = [("SHELL_TRAP_SAMPLE_SECONDS", "0.5"), ("SHELL_TRAP_CGROUP_PARENT", &favoured.0)];
    let world = World::start(bench, nodes, FACTOR, &agent, &[period]).await;
    let qos = json!({"duration": DECLARED, "deadline": DECLARED / NEEDED, "desv_deadline": 0.1});
    let uuid = world.launch(bench, app(bench, (steps, LOOPS), SUBMITTED, qos)).await;
    let began = Instant::now();
    let job = loop {
        let job = world.get(&uuid).await;
        if !matches!(job["state"].as_str(), Some("registered" | "running")) {
            break job;
        }
        assert!(began.elapsed() < Duration::from_secs(300), "the job does not end: {job}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    };
    let events = world.get(&format!("{uuid}/events?limit=1000")).await;
    let of = |kind: &str| -> Vec<Value> {
        let events = events["items"].as_array().unwrap().iter().filter(|event| event["kind"] == kind);
        events.map(|event| event["data"].clone()).collect()
    };
    for decided in of("ProgressDecided") {
        println!("{}", decided["reason"].as_str().unwrap());
    }
    assert_eq!(job["state"], "completed", "{job}\n{events}");
    let (done, own) = bench.progress().unwrap();
    assert_eq!(done, steps);
    let (starts, ends, applied) = (of("SegmentStarted"), of("SegmentEnded"), of("RescaleApplied"));
    // It is on time when it gets what its limits allow, and needs no more than was measured: the machine may have become slower since.
    let allowed: f64 = starts.iter().zip(&ends).map(|(start, end)| core_seconds_allowed(start, end)).sum();
    let (withheld, longer) = (own < 0.95 * allowed, own > 1.02 * DECLARED * FACTOR);
    assert!(job["on_time"] == true || withheld || longer, "{own} of {allowed} core-seconds: {job}\n{events}");
    assert!(!applied.is_empty(), "the job was late from the beginning: {events}");
    assert_eq!((starts.len(), ends.len()), (applied.len() + 1, applied.len() + 1), "{events}");
    for (number, start) in starts.iter().enumerate().skip(1) {
        assert_eq!((&start["generation"], &start["discarded"]), (&json!(number), &json!(0)), "{start}");
    }
    let counted = job["cpu_seconds"].as_f64().unwrap() * FACTOR;
    println!(
        "{} resizes, done after {:.1} of {:.1} s, {counted:.3} core-seconds by the supervisor, {own:.3} by the workload itself: {:+.2} %",
        applied.len(),
        began.elapsed().as_secs_f64(),
        DECLARED / NEEDED,
        (counted / own - 1.0) * 100.0
    );
    assert!((counted / own - 1.0).abs() < 0.02, "{counted} by the supervisor, {own} by the workload itself");
    // Marathon would start an ended app again: the supervisor has removed it.
    let id: AppId = "/late/steps".parse().unwrap();
    while world.marathon.find(&id).await.unwrap().is_some() {
        assert!(began.elapsed() < Duration::from_secs(300), "the app is still there");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    // The end is reported before the container is removed.
    for node in nodes {
        eventually("the container's removal", || node.containers().is_empty().then_some(()));
    }
    world.stop().await;
}
