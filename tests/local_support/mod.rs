//! A cluster over real processes in a temporary directory, and a client that knows its password.
#![allow(dead_code, reason = "each test file uses a part of it")]

pub mod marathon;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mesos_qos::clock::SystemClock;
use mesos_qos::local::executor::process::limiter::LimiterChoice;
use mesos_qos::local::executor::process::{ProcessExecutor, ProcessOptions};
use mesos_qos::local::journal::{self, Entry};
use mesos_qos::local::{ChronosVersion, LocalCluster, LocalOptions};
use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value, json};
use tempfile::TempDir;

pub const BOTH: [ChronosVersion; 2] = [ChronosVersion::V2_4, ChronosVersion::V3_0];

/// A schedule that never comes due by itself.
pub const NEVER: &str = "R/2099-01-01T00:00:00Z/P1Y";

pub struct Cluster {
    pub cluster: LocalCluster,
    pub version: ChronosVersion,
    client: reqwest::Client,
}

pub fn options(dir: &Path, version: ChronosVersion) -> LocalOptions {
    let process = ProcessOptions {
        cpu_factor: 0.5,
        state_dir: dir.join("executor"),
        limiter: LimiterChoice::Auto,
        env: Vec::new(),
    };
    // The threads of the tasks of a cluster that was just shut down hold the directory a moment longer.
    let mut executor = ProcessExecutor::new(process.clone());
    for _ in 0..100 {
        if executor.is_ok() {
            break;
        }
        std::thread::sleep(Duration::from_millis(20));
        executor = ProcessExecutor::new(process.clone());
    }
    let executor = Arc::new(executor.unwrap());
    LocalOptions {
        chronos_version: version,
        offer_interval: Duration::from_millis(50),
        visibility_delay: Duration::from_millis(20),
        task_kill_grace: Duration::from_millis(500),
        ..LocalOptions::new(dir.to_owned(), executor, Arc::new(SystemClock))
    }
}

impl Cluster {
    pub fn start(options: LocalOptions) -> Cluster {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let version = options.chronos_version;
        Cluster { cluster: LocalCluster::start(options).unwrap(), version, client: reqwest::Client::new() }
    }

    pub fn in_dir(dir: &TempDir, version: ChronosVersion) -> Cluster {
        Cluster::start(options(dir.path(), version))
    }

    /// A request to a path under the version's prefix, without a password.
    pub fn anonymous(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{}{path}", self.cluster.chronos_url(), self.version.prefix()))
    }

    /// A request to a path under the version's prefix.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let credentials = self.cluster.credentials();
        self.anonymous(method, path).basic_auth(&credentials.user, Some(&credentials.password))
    }

    /// A request to a path at the root.
    pub fn root(&self, path: &str) -> RequestBuilder {
        let credentials = self.cluster.credentials();
        let url = format!("{}{path}", self.cluster.chronos_url());
        self.client.get(url).basic_auth(&credentials.user, Some(&credentials.password))
    }

    pub async fn send(&self, method: Method, path: &str) -> Response {
        self.request(method, path).send().await.unwrap()
    }

    pub async fn get(&self, path: &str) -> Value {
        let response = self.send(Method::GET, path).await;
        assert_eq!(response.status(), 200, "GET {path}");
        response.json().await.unwrap()
    }

    pub async fn text(&self, path: &str) -> String {
        self.send(Method::GET, path).await.text().await.unwrap()
    }

    /// The status and the body of a POST of a job.
    pub async fn post(&self, path: &str, body: Value) -> (u16, String) {
        let response = self.request(Method::POST, path).json(&body).send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    }

    /// Creates a job that runs on demand only, and waits until it can be seen.
    pub async fn create(&self, name: &str, command: &str, fields: Value) {
        let mut body = json!({"name": name, "command": command, "schedule": NEVER, "cpus": 1, "retries": 0});
        body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        assert_eq!(self.post("/iso8601", body).await, (204, String::new()));
        self.until("the job can be seen", async || self.find(name).await.is_some()).await;
    }

    /// Starts a job by force.
    pub async fn run(&self, name: &str) {
        assert_eq!(self.send(Method::PUT, &format!("/job/{name}")).await.status(), 204);
    }

    pub async fn find(&self, name: &str) -> Option<Value> {
        let jobs = self.get("/jobs").await;
        jobs.as_array().unwrap().iter().find(|job| job["name"] == name).cloned()
    }

    pub async fn job(&self, name: &str) -> Value {
        self.find(name).await.unwrap()
    }

    /// The last outcome and the activity of a job.
    pub async fn csv(&self, name: &str) -> String {
        let prefix = format!("node,{name},");
        let csv = self.text("/graph/csv").await;
        csv.lines().find_map(|line| line.strip_prefix(&prefix)).unwrap_or_default().to_owned()
    }

    pub async fn mesos(&self, path: &str) -> Value {
        let url = format!("{}{path}", self.cluster.mesos_url());
        self.client.get(url).send().await.unwrap().json().await.unwrap()
    }

    pub fn journal(&self) -> Vec<Entry> {
        journal::read(self.cluster.journal_path()).unwrap()
    }

    /// Waits for something that must come to pass.
    pub async fn until(&self, what: &str, holds: impl AsyncFn() -> bool) {
        let patience = Instant::now() + Duration::from_secs(30);
        while !holds().await {
            assert!(Instant::now() < patience, "waited in vain until {what}: {:#?}", self.journal());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub async fn until_idle(&self, name: &str, outcome: &str) {
        let wanted = format!("{outcome},idle");
        self.until(&wanted, async || self.csv(name).await == wanted).await;
    }
}
