use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mesos_qos::clients::chronos::{ChronosClient, ChronosClientOptions};
use mesos_qos::clients::transport::TransportOptions;
use mesos_qos::clock::{Clock, SystemClock};
use mesos_qos::credentials::FrameworkCredentials;
use mesos_qos::launcher::{JobSource, LaunchOptions, Launched, SupervisorApi, launch};
use mesos_qos::local::executor::process::limiter::LimiterChoice;
use mesos_qos::local::executor::process::{ProcessExecutor, ProcessOptions};
use mesos_qos::local::journal::Entry;
use mesos_qos::local::{ChronosVersion, LocalCluster, LocalOptions, journal};
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::faults::Faults;
use crate::helpers::{TestApp, dead_port, setting};

/// A cluster, a supervisor that knows it, and a client of each.
pub struct World {
    pub cluster: LocalCluster,
    pub app: TestApp,
    pub chronos: ChronosClient,
    port: u16,
    credentials: PathBuf,
    _state: tempfile::TempDir,
}

pub const VERSIONS: [ChronosVersion; 2] = [ChronosVersion::V2_4, ChronosVersion::V3_0];

impl World {
    pub async fn start(version: ChronosVersion) -> Self {
        Self::start_with(version, &[]).await
    }

    pub async fn start_with(version: ChronosVersion, settings: &[(&str, &str, &str)]) -> Self {
        Self::assemble(version, settings, None, Arc::new(SystemClock), tempfile::tempdir().unwrap()).await
    }

    /// The supervisor reaches Chronos through `faults`, everybody else directly.
    pub async fn start_behind(version: ChronosVersion, faults: &Faults, settings: &[(&str, &str, &str)]) -> Self {
        Self::assemble(version, settings, Some(faults), Arc::new(SystemClock), tempfile::tempdir().unwrap()).await
    }

    /// The supervisor, and nobody else, has this clock.
    pub async fn start_at(version: ChronosVersion, clock: Arc<dyn Clock>, settings: &[(&str, &str, &str)]) -> Self {
        Self::assemble(version, settings, None, clock, tempfile::tempdir().unwrap()).await
    }

    /// Both of it.
    pub async fn start_behind_at(
        version: ChronosVersion,
        faults: &Faults,
        clock: Arc<dyn Clock>,
        settings: &[(&str, &str, &str)],
    ) -> Self {
        Self::assemble(version, settings, Some(faults), clock, tempfile::tempdir().unwrap()).await
    }

    /// The supervisor's data, and nothing else, is in a directory below `dir`.
    pub async fn start_on(version: ChronosVersion, dir: &std::path::Path, settings: &[(&str, &str, &str)]) -> Self {
        let data = tempfile::tempdir_in(dir).unwrap();
        Self::assemble(version, settings, None, Arc::new(SystemClock), data).await
    }

    async fn assemble(
        version: ChronosVersion,
        settings: &[(&str, &str, &str)],
        faults: Option<&Faults>,
        clock: Arc<dyn Clock>,
        data: tempfile::TempDir,
    ) -> Self {
        let state = tempfile::tempdir().unwrap();
        let executor = ProcessExecutor::new(ProcessOptions {
            cpu_factor: 0.17,
            state_dir: state.path().join("executor"),
            limiter: LimiterChoice::Auto,
            env: vec![],
        })
        .unwrap();
        let mut options = LocalOptions::new(state.path().join("cluster"), Arc::new(executor), Arc::new(SystemClock));
        options.chronos_version = version;
        options.offer_interval = Duration::from_millis(100);
        options.teardown_delay = (Duration::from_millis(10), Duration::from_millis(300));
        let cluster = LocalCluster::start(options).unwrap();
        let (direct, credentials) = (state.path().join("direct.json"), state.path().join("chronos.json"));
        cluster.credentials().write(&direct, &cluster.chronos_url()).unwrap();
        let url = match faults {
            None => cluster.chronos_url(),
            Some(faults) => faults.in_front_of(&cluster.chronos_url()),
        };
        cluster.credentials().write(&credentials, &url).unwrap();
        let port = dead_port();
        let app = supervisor(Arc::new(data), port, &credentials, settings, clock).await;
        let loaded = FrameworkCredentials::read_chronos(&direct).unwrap();
        let chronos = ChronosClient::new(loaded.value, ChronosClientOptions::default()).unwrap();
        World { cluster, app, chronos, port, credentials, _state: state }
    }

    /// Launches a job as `mesos-qos launch` does.
    pub async fn launch(&self, name: &str, command: &str, iterations: u32, qos: Value) -> Launched {
        let job = job_file(name, command, iterations, qos);
        self.launch_job(job, LaunchOptions::new(Arc::new(SystemClock)), TransportOptions::default()).await
    }

    pub async fn launch_job(&self, job: Value, options: LaunchOptions, transport: TransportOptions) -> Launched {
        let token = SecretString::from(self.app.operator.clone());
        let api = SupervisorApi::new(self.app.url.parse().unwrap(), Some(token), &transport).unwrap();
        launch(JobSource::Json(job), &self.chronos, &api, options).await.unwrap()
    }

    /// A job as the 2017 launcher submits it: it sleeps for so many seconds, and reports its end by a curl behind its command.
    pub fn legacy_job(&self, name: &str, uuid: &str, seconds: f64, schedule: &str) -> Value {
        let callback = format!(
            "/usr/bin/curl -s -H 'Content-type: application/json' -X POST {}/updateTask -d \
             '{{\"name\":\"{name}\",\"uuid\":\"{uuid}\",\"hostname\":\"'$(hostname)'\",\"started_at\":'$begin',\"finished_at\":'$(date +%s)'}}'",
            self.app.url
        );
        json!({
            "name": name, "command": format!("begin=$(date +%s); sleep {seconds}; {callback}"), "schedule": schedule,
            "cpus": "1", "mem": "64", "owner": "me", "disabled": false, "async": "false"
        })
    }

    /// Waits until the job is in this state and, when it is over, gone from memory.
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
            assert!(began.elapsed() < Duration::from_secs(180), "still {job}\n{:?}", self.app.kinds(uuid).await);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Waits until the job's last effect has its outcome.
    pub async fn wait_until_settled(&self, uuid: &str) {
        let began = Instant::now();
        while self.app.supervising.supervisor.state(uuid.parse().unwrap()).is_some() {
            assert!(began.elapsed() < Duration::from_secs(180), "{uuid} never leaves memory");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// What the cluster's own journal says of a job.
    pub fn journal(&self, name: &str) -> Vec<Entry> {
        let entries = journal::read(self.cluster.journal_path()).unwrap();
        entries.into_iter().filter(|entry| entry.job() == name).collect()
    }

    /// The CPUs (thousandths) of each process that was started for a job, in order.
    pub fn launches(&self, name: &str) -> Vec<u32> {
        let launches = self.journal(name).into_iter().filter_map(|entry| match entry {
            Entry::Launch { milli_cpus, .. } => Some(milli_cpus.milli()),
            _ => None,
        });
        launches.collect()
    }

    /// Stops the supervisor, waits, and starts it again on the same log and port.
    pub async fn restart_supervisor(self, pause: Duration) -> World {
        let World { cluster, app, chronos, port, credentials, _state } = self;
        let data = app.stop().await;
        tokio::time::sleep(pause).await;
        let app = supervisor(data, port, &credentials, &[], Arc::new(SystemClock)).await;
        World { cluster, app, chronos, port, credentials, _state }
    }

    /// The same data and port, without `-c`.
    pub async fn restart_without_chronos(self) -> World {
        let World { cluster, app, chronos, port, credentials, _state } = self;
        let data = app.stop().await;
        let (listen, port_text) = ("127.0.0.1", port.to_string());
        let data_dir = data.path().join("data");
        let settings = [
            setting("supervisor", "listen", listen),
            setting("supervisor", "port", &port_text),
            setting("supervisor", "data_dir", data_dir.to_str().unwrap()),
        ];
        let app = TestApp::start_of(data, settings.into(), Arc::new(SystemClock)).await;
        World { cluster, app, chronos, port, credentials, _state }
    }

    pub async fn stop(self) {
        self.app.stop().await;
        self.cluster.shutdown().await;
    }
}

pub fn job_file(name: &str, command: &str, iterations: u32, qos: Value) -> Value {
    json!({
        "name": name, "command": command, "schedule": format!("R{iterations}//PT5M"), "cpus": "1", "mem": "64",
        "owner": "test@example.org", "async": "false", "qos": qos
    })
}

async fn supervisor(
    data: Arc<tempfile::TempDir>,
    port: u16,
    credentials: &std::path::Path,
    more: &[(&str, &str, &str)],
    clock: Arc<dyn Clock>,
) -> TestApp {
    let port = port.to_string();
    let mut settings = vec![
        ("supervisor", "port", port.as_str()),
        ("supervisor", "credentials_chronos", credentials.to_str().unwrap()),
        ("chronos", "judge_interval", "0.5"),
        ("chronos", "settle_time", "0.5"),
        ("chronos", "removed_after", "0.5"),
        ("chronos", "request_timeout", "5"),
        ("chronos", "late_request_margin", "0.5"),
        ("elasticity", "deployment_time", "0.3"),
    ];
    settings.extend(more);
    TestApp::start_at(data, &settings, clock).await
}
