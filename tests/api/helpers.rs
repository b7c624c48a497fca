use std::ffi::OsString;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use mesos_qos::clock::{Clock, SystemClock};
use mesos_qos::config::Settings;
use mesos_qos::supervise::{self, Supervising};
use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};

/// A supervisor on a free port.
pub struct TestApp {
    pub url: String,
    pub operator: String,
    pub client: reqwest::Client,
    pub supervising: Supervising,
    pub data: Arc<tempfile::TempDir>,
}

/// Runs a test on the runtime that the actors need.
pub fn on_actix(test: impl Future<Output = ()> + 'static) {
    drop(rustls::crypto::ring::default_provider().install_default());
    actix_rt::System::new().block_on(test);
}

/// A port on which nothing listens: it was free a moment ago.
pub fn dead_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

pub fn write_credentials(dir: &Path, name: &str, url: &str) -> PathBuf {
    use std::os::unix::fs::OpenOptionsExt;
    let path = dir.join(name);
    let file = std::fs::OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&path).unwrap();
    serde_json::to_writer(file, &json!({"url": url, "user": "u", "password": "p"})).unwrap();
    path
}

impl TestApp {
    pub async fn start() -> Self {
        Self::start_with(&[]).await
    }

    pub async fn start_with(more: &[(&str, &str, &str)]) -> Self {
        Self::start_in(Arc::new(tempfile::tempdir().unwrap()), more).await
    }

    pub async fn start_in(data: Arc<tempfile::TempDir>, more: &[(&str, &str, &str)]) -> Self {
        Self::start_at(data, more, Arc::new(SystemClock)).await
    }

    /// With a clock of its own; over TLS when `more` names a certificate.
    pub async fn start_at(data: Arc<tempfile::TempDir>, more: &[(&str, &str, &str)], clock: Arc<dyn Clock>) -> Self {
        let chronos = write_credentials(data.path(), "chronos.json", &format!("http://127.0.0.1:{}", dead_port()));
        let marathon = write_credentials(data.path(), "marathon.json", &format!("http://127.0.0.1:{}", dead_port()));
        let data_dir = data.path().join("data");
        let mut all = vec![
            setting("supervisor", "listen", "127.0.0.1"),
            setting("supervisor", "port", "0"),
            setting("supervisor", "data_dir", data_dir.to_str().unwrap()),
            setting("supervisor", "credentials_chronos", chronos.to_str().unwrap()),
            setting("supervisor", "credentials_marathon", marathon.to_str().unwrap()),
            setting("chronos", "poll_interval", "0.05"),
            // Steps of a known size, and no decision before the first iteration.
            setting("elasticity", "policy", "step"),
        ];
        all.extend(more.iter().map(|(section, key, value)| setting(section, key, value)));
        Self::start_of(data, all, clock).await
    }

    /// With these settings and no others.
    pub async fn start_of(data: Arc<tempfile::TempDir>, all: Vec<(OsString, OsString)>, clock: Arc<dyn Clock>) -> Self {
        let settings = Settings::load(vec![], all, None).unwrap();
        let (supervising, server) = supervise::start(&settings, clock).await.unwrap();
        actix_rt::spawn(server);
        let operator = std::fs::read_to_string(&supervising.token_file).unwrap().trim().to_owned();
        let mut client = reqwest::Client::builder().timeout(Duration::from_secs(60)).no_proxy();
        let mut scheme = "http";
        if let Some(certificate) = &settings.tls.certificate {
            let trusted = reqwest::Certificate::from_pem(&std::fs::read(certificate).unwrap()).unwrap();
            client = client.tls_certs_only([trusted]);
            scheme = "https";
        }
        let client = client.build().unwrap();
        let url = format!("{scheme}://{}", supervising.address);
        TestApp { url, operator, client, supervising, data }
    }

    /// Sends a request with this token.
    pub async fn send(&self, method: Method, path: &str, token: Option<&str>, body: Option<Value>) -> Response {
        let mut request = self.client.request(method, format!("{}{path}", self.url));
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        request.send().await.unwrap()
    }

    /// Posts as the operator.
    pub async fn post(&self, path: &str, body: Value) -> (StatusCode, Value) {
        answer(self.send(Method::POST, path, Some(&self.operator), Some(body)).await).await
    }

    /// Gets as the operator.
    pub async fn get(&self, path: &str) -> (StatusCode, Value) {
        answer(self.send(Method::GET, path, Some(&self.operator), None).await).await
    }

    /// The job, as the API shows it.
    pub async fn job(&self, uuid: &str) -> Value {
        let (status, job) = self.get(&format!("/api/v1/jobs/{uuid}")).await;
        assert_eq!(status, 200, "{job}");
        job
    }

    /// The kinds of a job's events, oldest first.
    pub async fn kinds(&self, uuid: &str) -> Vec<String> {
        let (_, page) = self.get(&format!("/api/v1/jobs/{uuid}/events?limit=1000")).await;
        page["items"].as_array().unwrap().iter().map(|event| event["kind"].as_str().unwrap().to_owned()).collect()
    }

    /// Registers a job and returns its uuid.
    pub async fn registered(&self, name: &str) -> String {
        let uuid = new_uuid();
        let (status, reply) = self.post("/initTask", registration(&uuid, name)).await;
        assert_eq!(status, 200, "{reply}");
        uuid
    }

    pub async fn stop(self) -> Arc<tempfile::TempDir> {
        self.supervising.stop().await;
        self.data
    }
}

pub async fn answer(response: Response) -> (StatusCode, Value) {
    let status = response.status();
    let text = response.text().await.unwrap();
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

/// A setting, as the environment gives it.
pub fn setting(section: &str, key: &str, value: &str) -> (OsString, OsString) {
    (format!("MESOS_QOS_{section}_{key}").to_uppercase().into(), value.into())
}

pub fn new_uuid() -> String {
    uuid::Uuid::new_v4().to_string()
}

/// A job of our launcher.
pub fn registration(uuid: &str, name: &str) -> Value {
    json!({
        "uuid": uuid, "name": name, "framework": "chronos", "job_duration": 400, "deadline": 1800, "desv_deadline": 0.2,
        "iterations": 4, "cpus": 1.0, "arguments_version": 1
    })
}

/// A job of the 2017 launcher.
pub fn legacy_registration(uuid: &str, name: &str) -> Value {
    json!({
        "uuid": uuid, "name": name, "framework": "chronos", "job_duration": 400, "deadline": now() + 1800.0,
        "desv_deadline": 0.2, "iterations": 4
    })
}

/// A report of the 2017 launcher's job.
pub fn report(uuid: &str, started_at: f64, finished_at: f64) -> Value {
    json!({"uuid": uuid, "name": "any", "hostname": "node1", "started_at": started_at, "finished_at": finished_at})
}

pub fn now() -> f64 {
    SystemClock.now().epoch_seconds()
}

/// A supervisor on one of the golden logs, which `change` has changed.
pub async fn on_log(name: &str, change: impl FnOnce(&rusqlite::Connection)) -> TestApp {
    let data = Arc::new(tempfile::tempdir().unwrap());
    std::fs::create_dir(data.path().join("data")).unwrap();
    let database = data.path().join("data/events.db");
    std::fs::copy(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name), &database).unwrap();
    // The present schema, as a start makes it.
    let data = TestApp::start_in(data, &[]).await.stop().await;
    change(&rusqlite::Connection::open(&database).unwrap());
    TestApp::start_in(data, &[]).await
}
