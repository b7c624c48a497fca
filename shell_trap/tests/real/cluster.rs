//! All parts together: the cluster, the supervisor, the launcher and the agent, on two nodes with Docker and CRIU.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mesos_qos::clients::marathon::{AppId, MarathonClient, MarathonClientOptions};
use mesos_qos::clock::SystemClock;
use mesos_qos::config::Settings;
use mesos_qos::credentials::FrameworkCredentials;
use mesos_qos::launcher::{AgentSettings, JobSource, LaunchOptions, SupervisorApi, launch_app};
use mesos_qos::local::executor::process::limiter::LimiterChoice;
use mesos_qos::local::executor::process::{ProcessExecutor, ProcessOptions};
use mesos_qos::local::{LocalCluster, LocalOptions, NodeVariable};
use mesos_qos::supervise::{self, Supervising};
use secrecy::SecretString;
use serde_json::{Value, json};
use shell_trap::cgroup::Cgroups;

use crate::support::node::{AGENT, IMAGE, Restores};
use crate::support::{Bench, Node, eventually};

/// Real cores behind one CPU of the cluster.
const FACTOR: f64 = 0.4;
/// CPUs with which the job is submitted.
const SUBMITTED: f64 = 0.5;
/// CPUs that its deadline needs.
const NEEDED: f64 = 0.75;
/// CPU-seconds of the cluster that the job declares.
const DECLARED: f64 = 24.0;
const LOOPS: u64 = 5_000_000;

struct World {
    cluster: LocalCluster,
    supervising: Supervising,
    marathon: MarathonClient,
    operator: String,
    _state: tempfile::TempDir,
}

/// A control group that has more weight than anything else on the machine: whether the job is on time is the supervisor's
/// affair, and not that of other work.
struct Favoured(String);

impl Favoured {
    fn new() -> Self {
        let group = format!("/shell_trap-favoured-{}", std::process::id());
        for root in Cgroups::find().unwrap().cpu_roots() {
            let directory = root.join(&group[1..]);
            std::fs::create_dir_all(&directory).unwrap();
            for (file, most) in [("cpu.shares", "262144"), ("cpu.weight", "10000")] {
                if directory.join(file).exists() {
                    std::fs::write(directory.join(file), most).unwrap();
                }
            }
        }
        Favoured(group)
    }
}

impl Drop for Favoured {
    fn drop(&mut self) {
        Cgroups::find().unwrap().remove(&self.0);
    }
}

impl World {
    async fn start(bench: &Bench, nodes: &[Node], favoured: &Favoured) -> Self {
        let state = tempfile::tempdir().unwrap();
        let executor = ProcessExecutor::new(ProcessOptions {
            cpu_factor: FACTOR,
            state_dir: state.path().join("executor"),
            limiter: LimiterChoice::Auto,
            env: vec![],
        })
        .unwrap();
        let mut options = LocalOptions::new(state.path().join("cluster"), Arc::new(executor), Arc::new(SystemClock));
        options.offer_interval = Duration::from_millis(100);
        options.node_env = node_env(bench, nodes, favoured);
        let cluster = LocalCluster::start(options).unwrap();
        let credentials = state.path().join("marathon.json");
        cluster.credentials().write(&credentials, &cluster.marathon_url()).unwrap();
        let settings = [
            ("SUPERVISOR_LISTEN", "127.0.0.1".to_owned()),
            ("SUPERVISOR_PORT", "0".to_owned()),
            ("SUPERVISOR_DATA_DIR", state.path().join("data").display().to_string()),
            ("SUPERVISOR_CREDENTIALS_MARATHON", credentials.display().to_string()),
            ("ELASTICITY_POLICY", "step".to_owned()),
            ("ELASTICITY_MONITORING_PERIOD", "4".to_owned()),
            // Two steps up and none down: no resize comes so late that the job ends under it.
            ("ELASTICITY_CPU_MAX_SLAVE", "1.3".to_owned()),
            ("ELASTICITY_CPU_MIN_SLAVE", "1.3".to_owned()),
            ("MARATHON_POLL_INTERVAL", "0.1".to_owned()),
        ];
        let settings = settings.map(|(key, value)| (format!("MESOS_QOS_{key}").into(), value.into()));
        let settings = Settings::load(vec![], settings, None).unwrap();
        let (supervising, server) = supervise::start(&settings, Arc::new(SystemClock)).await.unwrap();
        actix_rt::spawn(server);
        let operator = std::fs::read_to_string(&supervising.token_file).unwrap().trim().to_owned();
        let direct = FrameworkCredentials::read_marathon(&credentials).unwrap().value;
        let marathon = MarathonClient::new(direct, MarathonClientOptions::default()).unwrap();
        World { cluster, supervising, marathon, operator, _state: state }
    }

    async fn launch(&self, bench: &Bench, app: Value) -> String {
        let url = format!("http://{}", self.supervising.address).parse().unwrap();
        let token = Some(SecretString::from(self.operator.clone()));
        let api = SupervisorApi::new(url, token, &MarathonClientOptions::default()).unwrap();
        let text = |path: &Path| path.to_str().unwrap().to_owned();
        let agent = AgentSettings {
            executor_path: AGENT.into(),
            checkpoint_dir: text(&bench.shared()),
            kill_grace_seconds: 60,
        };
        let options = LaunchOptions::new(Arc::new(SystemClock));
        launch_app(JobSource::Json(app), &self.marathon, &api, &agent, options).await.unwrap().uuid.to_string()
    }

    /// The job or its events, as the supervisor's API shows them.
    async fn get(&self, path: &str) -> Value {
        let url = format!("http://{}/api/v1/jobs/{path}", self.supervising.address);
        let answer = reqwest::Client::new().get(url).bearer_auth(&self.operator).send().await.unwrap();
        answer.json().await.unwrap()
    }
}

fn node_env(bench: &Bench, nodes: &[Node], favoured: &Favoured) -> Vec<NodeVariable> {
    let mut variables = Vec::new();
    let mut set = |node: Option<usize>, name: &str, value: String| {
        let node = node.map(|node| format!("node{}", node + 1));
        variables.push(NodeVariable { node, name: name.into(), value });
    };
    for (number, node) in nodes.iter().enumerate() {
        set(Some(number), "SHELL_TRAP_DOCKER_SOCKET", node.socket().display().to_string());
        set(Some(number), "SHELL_TRAP_RUN_DIR", node.directory.join("run").display().to_string());
    }
    let path = format!("{}:{}", bench.criu.display(), std::env::var("PATH").unwrap_or_default());
    for (name, value) in [
        ("PATH", path),
        ("SHELL_TRAP_CPU_FACTOR", FACTOR.to_string()),
        ("SHELL_TRAP_SAMPLE_SECONDS", "0.5".into()),
        ("SHELL_TRAP_LEASE_SECONDS", "10".into()),
        ("SHELL_TRAP_LEASE_GRACE_SECONDS", "1".into()),
        ("SHELL_TRAP_CGROUP_PARENT", favoured.0.clone()),
    ] {
        set(None, name, value);
    }
    variables
}

/// Steps of the workload that take `core_seconds` here, by its own count.
fn steps_for(bench: &Bench, node: &Node, core_seconds: f64) -> u64 {
    const MEASURED: u64 = 200;
    let (steps, loops) = (MEASURED.to_string(), LOOPS.to_string());
    let volume = format!("{}:/progress", bench.base.join("progress").display());
    node.docker(&[
        "run",
        "--rm",
        "--network",
        "none",
        "-v",
        &volume,
        IMAGE,
        "/steps-program",
        &steps,
        &loops,
        "0",
        "1",
    ]);
    let (_, seconds) = bench.progress().unwrap();
    std::fs::remove_file(bench.base.join("progress/now")).unwrap();
    (core_seconds / seconds * MEASURED as f64) as u64
}

fn app(bench: &Bench, steps: u64) -> Value {
    let progress = json!({"hostPath": bench.base.join("progress"), "containerPath": "/progress", "mode": "RW"});
    json!({
        "id": "/late/steps",
        "args": ["/steps-program", steps.to_string(), LOOPS.to_string(), "0", "4"],
        "cpus": SUBMITTED, "mem": 64,
        "container": {"type": "DOCKER", "docker": {"image": IMAGE, "network": "HOST"}, "volumes": [progress]},
        "qos": {"duration": DECLARED, "deadline": DECLARED / NEEDED, "desv_deadline": 0.1}
    })
}

#[test]
fn a_late_job_gets_more_cpu_by_a_checkpoint_and_loses_no_step() {
    drop(rustls::crypto::ring::default_provider().install_default());
    let bench = Bench::new();
    let nodes = [bench.node("a", Restores::Runtime), bench.node("b", Restores::Runtime)];
    let steps = steps_for(&bench, &nodes[0], DECLARED * FACTOR);
    actix_rt::System::new().block_on(run(&bench, &nodes, steps));
}

async fn run(bench: &Bench, nodes: &[Node], steps: u64) {
    let favoured = Favoured::new();
    let world = World::start(bench, nodes, &favoured).await;
    let uuid = world.launch(bench, app(bench, steps)).await;
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
    assert_eq!((&job["state"], &job["on_time"]), (&json!("completed"), &json!(true)), "{job}\n{events}");
    let (done, own) = bench.progress().unwrap();
    assert_eq!(done, steps);
    let (starts, ends, applied) = (of("SegmentStarted"), of("SegmentEnded"), of("RescaleApplied"));
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
    world.cluster.shutdown().await;
    world.supervising.stop().await;
}
