//! The CPU source `mesos`, with all parts together: what Mesos counts for a task is its container's CPU time where the container is
//! below the task's control group, and nothing that could be judged by where it is not.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use shell_trap::clock::unix_seconds;

use crate::support::node::Restores;
use crate::support::world::{World, app, steps_for};
use crate::support::{Bench, Favoured, Node, eventually};

/// Mesos counts real cores: a CPU of the cluster must be one.
const FACTOR: f64 = 1.0;
/// CPUs with which the job is submitted.
const SUBMITTED: f64 = 0.65;
/// CPUs that its deadline needs.
const NEEDED: f64 = 0.75;
/// CPU-seconds that the job declares, and needs.
const DECLARED: f64 = 24.0;
/// Of a step of the workload. Each prints a line, which its agent passes on.
const LOOPS: u64 = 25_000_000;
/// CPU-seconds that an agent and its CRIU take for the start of a segment, at most: Mesos counts them with the task. A third of it on a
/// machine with more to do than it can; what is measured elsewhere altogether is further off than that.
const STARTING: f64 = 1.0;

const SETTINGS: [(&str, &str); 3] =
    [("ELASTICITY_MONITORING_PERIOD", "3"), ("CPU_SOURCE_KIND", "mesos"), ("CPU_SOURCE_URL", "MESOS")];

fn agent<'a>(group: &'a str, between_samples: &'a str) -> [(&'a str, &'a str); 2] {
    [("SHELL_TRAP_SAMPLE_SECONDS", between_samples), ("SHELL_TRAP_CGROUP_PARENT", group)]
}

#[test]
fn with_mesos_as_the_source_a_container_is_measured_below_its_task_s_group_and_never_judged_elsewhere() {
    drop(rustls::crypto::ring::default_provider().install_default());
    let bench = Bench::new();
    let nodes = [bench.node("a", Restores::Runtime), bench.node("b", Restores::Runtime)];
    let steps = steps_for(&bench, &nodes[0], DECLARED, LOOPS);
    actix_rt::System::new().block_on(async {
        measured(&bench, &nodes, steps).await;
        elsewhere(&bench, &nodes).await;
    });
}

/// What the workload itself has counted, and when.
struct Own {
    over: Arc<AtomicBool>,
    thread: std::thread::JoinHandle<Vec<(f64, f64)>>,
}

impl Own {
    fn watch(bench: &Bench) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let (stop, file) = (over.clone(), bench.base.join("progress/now"));
        let thread = std::thread::spawn(move || {
            let mut seen: Vec<(f64, f64)> = vec![(unix_seconds(), 0.0)];
            while !stop.load(Ordering::Relaxed) {
                if let Some(seconds) = Bench::progress_in(&file).map(|progress| progress.1)
                    && seen.last().is_some_and(|last| last.1 < seconds)
                {
                    seen.push((unix_seconds(), seconds));
                }
                std::thread::sleep(Duration::from_millis(5));
            }
            seen
        });
        Own { over, thread }
    }

    fn all(self) -> Vec<(f64, f64)> {
        self.over.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}

/// By an instant in an event: at least, and at most. What was seen late was done before, and the next that was seen, after.
fn own_at(own: &[(f64, f64)], instant: &Value) -> (f64, f64) {
    let at = instant.as_i64().unwrap_or_else(|| panic!("{instant} is no instant")) as f64 / 1e6;
    let next = own.partition_point(|(seen, _)| *seen <= at);
    let seconds = |place: usize| own[place.min(own.len() - 1)].1;
    (next.checked_sub(1).map_or(0.0, seconds), seconds(next))
}

async fn ended(world: &World, uuid: &str) -> Value {
    let began = Instant::now();
    loop {
        let job = world.get(uuid).await;
        if !matches!(job["state"].as_str(), Some("registered" | "running")) {
            return job;
        }
        assert!(began.elapsed() < Duration::from_secs(300), "the job does not end: {job}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

async fn measured(bench: &Bench, nodes: &[Node], steps: u64) {
    // The agent is counted with its task: it must not have much to do.
    let world = World::start(bench, nodes, FACTOR, &agent("task", "2"), &SETTINGS).await;
    let own = Own::watch(bench);
    let qos = json!({"duration": DECLARED, "deadline": DECLARED / NEEDED, "desv_deadline": 0.1});
    let uuid = world.launch(bench, app(bench, (steps, LOOPS), SUBMITTED, qos)).await;
    let job = ended(&world, &uuid).await;
    let own = own.all();
    let events = world.get(&format!("{uuid}/events?limit=1000")).await;
    assert_eq!(job["state"], "completed", "{job}\n{events}");
    assert_eq!(world.events(&uuid, "TelemetryLost").await, Vec::<Value>::new(), "{events}");
    let (starts, applied) = (world.events(&uuid, "SegmentStarted").await, world.events(&uuid, "RescaleApplied").await);
    assert!(!applied.is_empty(), "by what Mesos counts the job was late from the beginning: {events}");
    for (number, start) in starts.iter().enumerate().skip(1) {
        assert_eq!((&start["generation"], &start["discarded"]), (&json!(number), &json!(0)), "{start}");
    }
    let (samples, ends) = (world.events(&uuid, "CpuSample").await, world.events(&uuid, "SegmentEnded").await);
    // Where a segment ends the next goes on.
    let from =
        |number: usize| number.checked_sub(1).map_or((0.0, 0.0), |before| own_at(&own, &ends[before]["ended_at"]));
    let (mut counted, mut least, mut most) = (0.0, 0.0, 0.0);
    for (number, start) in starts.iter().enumerate() {
        let last = samples.iter().rfind(|sample| sample["segment"] == start["segment"]);
        let Some(last) = last else { continue };
        let seconds = last["cpu"].as_i64().unwrap() as f64 / 1e6;
        let (from, to) = (from(number), own_at(&own, &last["at"]));
        let here = (to.0 - from.1, to.1 - from.0);
        let all = ends.get(number).map(|end| end["cpu"].as_i64().unwrap() as f64 / 1e6);
        println!(
            "segment {}: {seconds:.3} CPU-seconds by Mesos, {here:.3?} by the workload itself; at its end {all:.3?} by the agent",
            start["segment"]
        );
        assert!(seconds > here.0 * 0.98 - 0.05, "{seconds} s by Mesos, {here:?} s by the workload: {last}");
        (counted, least, most) = (counted + seconds, least + here.0, most + here.1);
    }
    let total = job["cpu_seconds"].as_f64().unwrap();
    let (done, itself) = bench.progress().unwrap();
    println!(
        "{} resizes: {counted:.3} s by Mesos, {least:.3} to {most:.3} s by the workload, all segments {:+.2} % over {itself:.1} s",
        applied.len(),
        (total / itself - 1.0) * 100.0
    );
    assert!(most > itself * 0.5, "most of the work was measured");
    let at_most = most * 1.02 + STARTING * starts.len() as f64;
    assert!(counted > least * 0.99 && counted < at_most, "{counted} s by Mesos, {least} to {most} s by the workload");
    // The last segment counts by Mesos' last figure where its agent's is less.
    let right = itself * 0.98..itself * 1.02 + STARTING;
    assert!(right.contains(&total), "{total} s by the supervisor, {itself} s by the workload itself");
    assert_eq!(done, steps);
    let hex = uuid.replace('-', "");
    for node in nodes {
        eventually("the container's removal", || node.containers().is_empty().then_some(()));
    }
    world.stop().await;
    let name = format!("{hex}*");
    let left = Command::new("find").args(["/sys/fs/cgroup", "-type", "d", "-name", &name]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&left.stdout), "", "groups of the job are left");
}

/// The same where the operator puts containers elsewhere: what Mesos counts is the agent alone.
async fn elsewhere(bench: &Bench, nodes: &[Node]) {
    std::fs::remove_file(bench.base.join("progress/now")).unwrap();
    // By the first look the container has used far more than its agent, and the agent has said so.
    let favoured = Favoured::new();
    let world = World::start(bench, nodes, FACTOR, &agent(&favoured.0, "0.5"), &SETTINGS).await;
    let qos = json!({"duration": DECLARED, "deadline": DECLARED / NEEDED, "desv_deadline": 0.1});
    let uuid = world.launch(bench, app(bench, (1_000_000, LOOPS), 1.0, qos)).await;
    let began = Instant::now();
    let lost = loop {
        if let Some(lost) = world.events(&uuid, "TelemetryLost").await.pop() {
            break lost;
        }
        assert!(began.elapsed() < Duration::from_secs(120), "nobody notices: {}", world.get(&uuid).await);
        tokio::time::sleep(Duration::from_millis(200)).await;
    };
    assert!(lost["reason"].as_str().unwrap().contains("not under the task's control group"), "{lost}");
    // Several looks on.
    let before = bench.progress().unwrap().1;
    tokio::time::sleep(Duration::from_secs(7)).await;
    assert!(bench.progress().unwrap().1 > before, "it works all the time");
    for kind in ["CpuSample", "ProgressDecided", "Rescaled"] {
        assert_eq!(world.events(&uuid, kind).await, Vec::<Value>::new(), "{kind}");
    }
    let job = world.get(&uuid).await;
    assert!(job["flags"].as_array().unwrap().contains(&json!("telemetry_lost")), "{job}");
    assert_eq!(job["cpus"], 1.0, "{job}");
    bench.enough();
    let job = ended(&world, &uuid).await;
    // Its agent tells the end, with what it has used.
    let itself = bench.progress().unwrap().1;
    assert_eq!(job["state"], "completed", "{job}");
    assert!((job["cpu_seconds"].as_f64().unwrap() / itself - 1.0).abs() < 0.02, "{itself} s by itself: {job}");
    world.stop().await;
}
