use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use mesos_qos::clients::marathon::{AppId, MarathonApp, MarathonClient, MarathonClientOptions};
use mesos_qos::clock::{Clock, SystemClock};
use mesos_qos::credentials::FrameworkCredentials;
use mesos_qos::launcher::{AgentSettings, JobSource, LaunchOptions, SupervisorApi, launch_app};
use mesos_qos::local::executor::process::limiter::LimiterChoice;
use mesos_qos::local::executor::process::{ProcessExecutor, ProcessOptions};
use mesos_qos::local::journal::Entry;
use mesos_qos::local::{LocalCluster, LocalOptions, MarathonVersion, journal};
use reqwest::Method;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use crate::faults::Faults;
use crate::helpers::{TestApp, dead_port};

/// The id of the app of every test.
pub const APP: &str = "/group/steady";

pub const VERSIONS: [MarathonVersion; 3] = [MarathonVersion::V1_1, MarathonVersion::V1_4, MarathonVersion::V1_5];

/// A cluster, a supervisor that knows it, and a client of each.
pub struct World {
    pub cluster: LocalCluster,
    pub app: TestApp,
    pub marathon: MarathonClient,
    port: u16,
    credentials: PathBuf,
    settings: Vec<(String, String, String)>,
    direct: FrameworkCredentials,
    state: tempfile::TempDir,
    clock: Arc<dyn Clock>,
}

impl World {
    pub async fn start(version: MarathonVersion, settings: &[(&str, &str, &str)]) -> Self {
        Self::assemble(version, settings, None, Arc::new(SystemClock)).await
    }

    /// With a supervisor that has a wall clock of its own.
    pub async fn start_at(version: MarathonVersion, clock: Arc<dyn Clock>, settings: &[(&str, &str, &str)]) -> Self {
        Self::assemble(version, settings, None, clock).await
    }

    /// The supervisor reaches Marathon through `faults`, everybody else directly.
    pub async fn start_behind(version: MarathonVersion, faults: &Faults, settings: &[(&str, &str, &str)]) -> Self {
        Self::assemble(version, settings, Some(faults), Arc::new(SystemClock)).await
    }

    async fn assemble(
        version: MarathonVersion,
        settings: &[(&str, &str, &str)],
        faults: Option<&Faults>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let state = tempfile::tempdir().unwrap();
        let executor = ProcessExecutor::new(ProcessOptions {
            cpu_factor: 0.5,
            state_dir: state.path().join("executor"),
            limiter: LimiterChoice::Auto,
            env: vec![],
        })
        .unwrap();
        let mut options = LocalOptions::new(state.path().join("cluster"), Arc::new(executor), Arc::new(SystemClock));
        options.marathon_version = version;
        options.offer_interval = Duration::from_millis(100);
        let cluster = LocalCluster::start(options).unwrap();
        let (direct, credentials) = (state.path().join("direct.json"), state.path().join("marathon.json"));
        cluster.credentials().write(&direct, &cluster.marathon_url()).unwrap();
        let url = match faults {
            None => cluster.marathon_url(),
            Some(faults) => faults.in_front_of(&cluster.marathon_url()),
        };
        cluster.credentials().write(&credentials, &url).unwrap();
        let direct = FrameworkCredentials::read_marathon(&direct).unwrap().value;
        let marathon = MarathonClient::new(direct.clone(), MarathonClientOptions::default()).unwrap();
        let port = dead_port();
        let mut settings: Vec<_> =
            settings.iter().map(|(a, b, c)| ((*a).to_owned(), (*b).to_owned(), (*c).to_owned())).collect();
        for (_, key, value) in &mut settings {
            if key == "url" && value.is_empty() {
                *value = cluster.mesos_url();
            }
        }
        let data = Arc::new(tempfile::tempdir().unwrap());
        let app = supervisor(data, port, &credentials, &settings, Arc::clone(&clock)).await;
        World { clock, cluster, app, marathon, port, credentials, settings, direct, state }
    }

    /// Launches the app as `mesos-qos launch -m` does; returns the job's uuid.
    pub async fn launch(&self, app: Value) -> String {
        let token = SecretString::from(self.app.operator.clone());
        let transport = MarathonClientOptions::default();
        let api = SupervisorApi::new(self.app.url.parse().unwrap(), Some(token), &transport).unwrap();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/marathon_loop/agent.sh");
        // A copy: the executable bit must not depend on how the sources were unpacked.
        let agent = self.state.path().join("agent.sh");
        std::fs::copy(script, &agent).unwrap();
        std::fs::set_permissions(&agent, std::fs::Permissions::from_mode(0o755)).unwrap();
        let checkpoints = self.state.path().join("checkpoints");
        std::fs::create_dir_all(&checkpoints).unwrap();
        let agent = AgentSettings {
            executor_path: agent.to_str().unwrap().into(),
            checkpoint_dir: checkpoints.to_str().unwrap().into(),
            kill_grace_seconds: 20,
        };
        let options = LaunchOptions::new(Arc::new(SystemClock));
        let launched = launch_app(JobSource::Json(app), &self.marathon, &api, &agent, options).await.unwrap();
        launched.uuid.to_string()
    }

    /// Has the job's program end with what it has done by now.
    pub fn finish(&self, uuid: &str) {
        std::fs::write(self.state.path().join("checkpoints").join(uuid).join("finish"), "").unwrap();
    }

    /// The app, when Marathon has it.
    pub async fn find(&self) -> Option<MarathonApp> {
        self.marathon.find(&id()).await.unwrap()
    }

    /// Asks Marathon for something as an operator does.
    pub async fn ask_marathon(&self, method: Method, path: &str, body: Option<Value>) -> Value {
        let mut request = self.app.client.request(method, format!("{}{path}", self.cluster.marathon_url()));
        request = request.basic_auth(&self.direct.user, Some(self.direct.password.expose_secret()));
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await.unwrap();
        let status = response.status();
        let text = response.text().await.unwrap();
        assert!(status.is_success(), "{path}: {status} {text}");
        serde_json::from_str(&text).unwrap_or(Value::Null)
    }

    pub async fn wait_for_state(&self, uuid: &str, state: &str) -> Value {
        self.wait_for(uuid, |job| job["state"] == state).await
    }

    pub async fn wait_for(&self, uuid: &str, reached: impl Fn(&Value) -> bool) -> Value {
        let began = Instant::now();
        loop {
            let job = self.app.job(uuid).await;
            if reached(&job) {
                return job;
            }
            assert!(began.elapsed() < Duration::from_secs(90), "still {job}\n{:?}", self.app.kinds(uuid).await);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Waits until the job has `count` events of this kind.
    pub async fn wait_for_events(&self, uuid: &str, kind: &str, count: usize) {
        let began = Instant::now();
        while self.count(uuid, kind).await < count {
            let kinds = self.app.kinds(uuid).await;
            assert!(began.elapsed() < Duration::from_secs(90), "no {count} {kind} in {kinds:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub async fn count(&self, uuid: &str, kind: &str) -> usize {
        self.app.kinds(uuid).await.iter().filter(|one| *one == kind).count()
    }

    /// The data of a job's events of this kind, oldest first.
    pub async fn events(&self, uuid: &str, kind: &str) -> Vec<Value> {
        let (_, page) = self.app.get(&format!("/api/v1/jobs/{uuid}/events?limit=1000")).await;
        let events = page["items"].as_array().unwrap().iter();
        events.filter(|event| event["kind"] == kind).map(|event| event["data"].clone()).collect()
    }

    /// Waits until the job's last effect has its outcome.
    pub async fn wait_until_settled(&self, uuid: &str) {
        let began = Instant::now();
        while self.app.supervising.supervisor.state(uuid.parse().unwrap()).is_some() {
            let kinds = self.app.kinds(uuid).await;
            assert!(began.elapsed() < Duration::from_secs(60), "{uuid} never leaves memory: {kinds:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// The CPUs (thousandths) of each task that was started for the app, in order.
    pub fn launches(&self) -> Vec<u32> {
        let entries = journal::read(self.cluster.journal_path()).unwrap();
        let launches = entries.into_iter().filter_map(|entry| match entry {
            Entry::Launch { ref milli_cpus, .. } if entry.job() == APP => Some(milli_cpus.milli()),
            _ => None,
        });
        launches.collect()
    }

    /// Stops the supervisor, waits, and starts it again on the same log and port.
    pub async fn restart_supervisor(self, pause: Duration) -> World {
        self.restart_supervisor_after(async |_| tokio::time::sleep(pause).await).await
    }

    /// The same, with something done to its directory in between.
    pub async fn restart_supervisor_after(self, meanwhile: impl AsyncFnOnce(&Path)) -> World {
        let data = self.app.stop().await;
        meanwhile(data.path()).await;
        let app = supervisor(data, self.port, &self.credentials, &self.settings, Arc::clone(&self.clock)).await;
        World { app, ..self }
    }

    /// Ends everything; what the job has left behind is the cluster's to end.
    pub async fn stop(self) {
        self.app.stop().await;
        self.cluster.shutdown().await;
    }
}

pub fn id() -> AppId {
    APP.parse().unwrap()
}

/// CPU-seconds of a job that works until a test has seen what it waits for ([`World::finish`]), however long that takes.
pub const ENDLESS: f64 = 4_000_000.0;

/// An app that is done after `work` CPU-seconds, of which it makes `rate` a second with each CPU, and has declared 30 in 30 seconds.
pub fn job(cpus: f64, rate: f64, work: f64) -> Value {
    json!({
        "id": APP, "cmd": "unused", "cpus": cpus, "mem": 32,
        "container": {"type": "DOCKER", "docker": {"image": "unused"}},
        "env": {"RATE": ((rate * 1000.0) as u32).to_string(), "WORK": ((work * 1000.0) as u32).to_string()},
        "qos": {"duration": 30, "deadline": 30, "desv_deadline": 0.1}
    })
}

/// Whether each of `expected` is in `kinds`, in this order.
pub fn in_order(kinds: &[String], expected: &[&str]) -> bool {
    let mut kinds = kinds.iter();
    expected.iter().all(|wanted| kinds.any(|kind| kind == wanted))
}

async fn supervisor(
    data: Arc<tempfile::TempDir>,
    port: u16,
    credentials: &Path,
    more: &[(String, String, String)],
    clock: Arc<dyn Clock>,
) -> TestApp {
    let port = port.to_string();
    let mut settings = vec![
        ("supervisor", "port", port.as_str()),
        ("supervisor", "credentials_marathon", credentials.to_str().unwrap()),
        ("marathon", "poll_interval", "0.1"),
        ("marathon", "watch_interval", "0.2"),
        ("marathon", "removed_after", "0.5"),
        ("marathon", "request_timeout", "5"),
        ("elasticity", "monitoring_period", "1"),
    ];
    settings.extend(more.iter().map(|(a, b, c)| (a.as_str(), b.as_str(), c.as_str())));
    TestApp::start_at(data, &settings, clock).await
}
