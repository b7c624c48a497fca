//! A client of the cluster's Marathon.

use std::path::Path;
use std::time::{Duration, Instant};

use mesos_qos::local::journal::{self, Entry};
use mesos_qos::local::{ChronosVersion, LocalCluster, LocalOptions, MarathonVersion};
use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value, json};

pub const ALL: [MarathonVersion; 3] = [MarathonVersion::V1_1, MarathonVersion::V1_4, MarathonVersion::V1_5];

pub struct Marathon {
    pub cluster: LocalCluster,
    client: reqwest::Client,
}

pub fn options(dir: &Path, version: MarathonVersion) -> LocalOptions {
    LocalOptions { marathon_version: version, ..super::options(dir, ChronosVersion::V3_0) }
}

impl Marathon {
    pub fn start(options: LocalOptions) -> Marathon {
        let _ = rustls::crypto::ring::default_provider().install_default();
        Marathon { cluster: LocalCluster::start(options).unwrap(), client: reqwest::Client::new() }
    }

    pub fn in_dir(dir: &Path, version: MarathonVersion) -> Marathon {
        Marathon::start(options(dir, version))
    }

    pub fn anonymous(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.cluster.marathon_url()))
    }

    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let credentials = self.cluster.credentials();
        self.anonymous(method, path).basic_auth(&credentials.user, Some(&credentials.password))
    }

    pub async fn send(&self, method: Method, path: &str) -> (u16, Value) {
        answer(self.request(method, path).send().await.unwrap()).await
    }

    pub async fn with(&self, method: Method, path: &str, body: Value) -> (u16, Value) {
        answer(self.request(method, path).json(&body).send().await.unwrap()).await
    }

    pub async fn get(&self, path: &str) -> Value {
        let (status, body) = self.send(Method::GET, path).await;
        assert_eq!(status, 200, "GET {path}: {body}");
        body
    }

    pub async fn app(&self, id: &str) -> Value {
        self.get(&format!("/v2/apps{id}")).await["app"].clone()
    }

    pub async fn tasks(&self, id: &str) -> Vec<Value> {
        self.get(&format!("/v2/apps{id}/tasks")).await["tasks"].as_array().unwrap().clone()
    }

    /// Creates an app and waits until its tasks run.
    pub async fn create(&self, id: &str, fields: Value) {
        let mut body = json!({"id": id, "cpus": 1, "mem": 16});
        body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        let (status, answer) = self.with(Method::POST, "/v2/apps", body).await;
        assert_eq!(status, 201, "{answer}");
        self.at_rest().await;
    }

    /// Waits until no deployment is left.
    pub async fn at_rest(&self) {
        self.until("no deployment is left", async || self.get("/v2/deployments").await == json!([])).await;
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
}

async fn answer(response: Response) -> (u16, Value) {
    let status = response.status().as_u16();
    let body = response.bytes().await.unwrap();
    let body = if body.is_empty() { Value::Null } else { serde_json::from_slice(&body).unwrap() };
    (status, body)
}
