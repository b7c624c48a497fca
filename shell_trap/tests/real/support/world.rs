//! A cluster, a supervisor and a launcher around the agent.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use mesos_qos::clients::marathon::{MarathonClient, MarathonClientOptions};
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

use super::node::{AGENT, IMAGE};
use super::{Bench, Node};

/// What a job is launched into.
pub struct World {
    pub cluster: LocalCluster,
    pub supervising: Supervising,
    pub marathon: MarathonClient,
    operator: String,
    _state: tempfile::TempDir,
}

impl World {
    /// With this factor of the cluster's CPUs, variables of the agent, and further settings of the supervisor, in which `MESOS` stands
    /// for the cluster's Mesos master.
    pub async fn start(
        bench: &Bench,
        nodes: &[Node],
        factor: f64,
        agent: &[(&str, &str)],
        further: &[(&str, &str)],
    ) -> Self {
        let state = tempfile::tempdir().unwrap();
        let executor = ProcessExecutor::new(ProcessOptions {
            cpu_factor: factor,
            state_dir: state.path().join("executor"),
            limiter: LimiterChoice::Auto,
            env: vec![],
        })
        .unwrap();
        let mut options = LocalOptions::new(state.path().join("cluster"), Arc::new(executor), Arc::new(SystemClock));
        options.offer_interval = Duration::from_millis(100);
        options.node_env = node_env(bench, nodes, factor, agent);
        let cluster = LocalCluster::start(options).unwrap();
        let credentials = state.path().join("marathon.json");
        cluster.credentials().write(&credentials, &cluster.marathon_url()).unwrap();
        let settings = [
            ("SUPERVISOR_LISTEN", "127.0.0.1".to_owned()),
            ("SUPERVISOR_PORT", "0".to_owned()),
            ("SUPERVISOR_DATA_DIR", state.path().join("data").display().to_string()),
            ("SUPERVISOR_CREDENTIALS_MARATHON", credentials.display().to_string()),
            ("ELASTICITY_POLICY", "step".to_owned()),
            // Two steps up and none down: no resize comes so late that the job ends under it.
            ("ELASTICITY_CPU_MAX_SLAVE", "1.3".to_owned()),
            ("ELASTICITY_CPU_MIN_SLAVE", "1.3".to_owned()),
            ("MARATHON_POLL_INTERVAL", "0.1".to_owned()),
        ];
        let mesos = cluster.mesos_url().to_string();
        let further = further.iter().map(|(key, value)| (*key, value.replace("MESOS", &mesos)));
        let settings = settings.into_iter().chain(further);
        let settings = settings.map(|(key, value)| (format!("MESOS_QOS_{key}").into(), value.into()));
        let settings = Settings::load(vec![], settings.collect::<Vec<_>>(), None).unwrap();
        let (supervising, server) = supervise::start(&settings, Arc::new(SystemClock)).await.unwrap();
        actix_rt::spawn(server);
        let operator = std::fs::read_to_string(&supervising.token_file).unwrap().trim().to_owned();
        let direct = FrameworkCredentials::read_marathon(&credentials).unwrap().value;
        let marathon = MarathonClient::new(direct, MarathonClientOptions::default()).unwrap();
        World { cluster, supervising, marathon, operator, _state: state }
    }

    /// Launches the app as `mesos-qos launch -m` does; the job's uuid.
    pub async fn launch(&self, bench: &Bench, app: Value) -> String {
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
    pub async fn get(&self, path: &str) -> Value {
        let url = format!("http://{}/api/v1/jobs/{path}", self.supervising.address);
        let answer = reqwest::Client::new().get(url).bearer_auth(&self.operator).send().await.unwrap();
        answer.json().await.unwrap()
    }

    /// The data of all the job's events of a kind, in their order.
    pub async fn events(&self, uuid: &str, kind: &str) -> Vec<Value> {
        let events = self.get(&format!("{uuid}/events?limit=1000")).await;
        let events = events["items"].as_array().unwrap().iter().filter(|event| event["kind"] == kind);
        events.map(|event| event["data"].clone()).collect()
    }

    /// Ends it all.
    pub async fn stop(self) {
        self.cluster.shutdown().await;
        self.supervising.stop().await;
    }
}

fn node_env(bench: &Bench, nodes: &[Node], factor: f64, agent: &[(&str, &str)]) -> Vec<NodeVariable> {
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
        ("SHELL_TRAP_CPU_FACTOR", factor.to_string()),
        ("SHELL_TRAP_LEASE_SECONDS", "10".into()),
        ("SHELL_TRAP_LEASE_GRACE_SECONDS", "1".into()),
    ] {
        set(None, name, value);
    }
    agent.iter().for_each(|(name, value)| set(None, name, (*value).to_owned()));
    variables
}

/// Steps of the workload of so many loops that take `core_seconds` here, by its own count.
pub fn steps_for(bench: &Bench, node: &Node, core_seconds: f64, loops: u64) -> u64 {
    let measured = 1_000_000_000 / loops;
    let (steps, loops) = (measured.to_string(), loops.to_string());
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
    (core_seconds / seconds * measured as f64) as u64
}

/// The workload as an app of so many steps of so many loops, in a container.
pub fn app(bench: &Bench, (steps, loops): (u64, u64), cpus: f64, qos: Value) -> Value {
    let progress = json!({"hostPath": bench.base.join("progress"), "containerPath": "/progress", "mode": "RW"});
    json!({
        "id": "/late/steps",
        "args": ["/steps-program", steps.to_string(), loops.to_string(), "0", "4"],
        "cpus": cpus, "mem": 64,
        "container": {"type": "DOCKER", "docker": {"image": IMAGE, "network": "HOST"}, "volumes": [progress]},
        "qos": qos
    })
}
