//! A cluster with Keystone and Monasca, and what stands between them and the supervisor.
#![allow(dead_code, reason = "each test file uses a part of it")]

pub mod cli;
pub mod gate;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::Actor;
use mesos_qos::actors::{KeptTokens, TokenActor};
use mesos_qos::clients::transport::TransportOptions;
use mesos_qos::clock::SystemClock;
use mesos_qos::credentials::OpenStackCredentials;
use mesos_qos::local::executor::process::limiter::LimiterChoice;
use mesos_qos::local::executor::process::{ProcessExecutor, ProcessOptions};
use mesos_qos::local::openstack::{Account, Role};
use mesos_qos::local::{LocalCluster, LocalOptions};
use mesos_qos::openstack::{Keystone, Monasca, Tokens};
use serde_json::{Value, json};

pub struct Stack {
    pub cluster: LocalCluster,
    pub client: reqwest::Client,
    dir: tempfile::TempDir,
}

/// An account for each thing that one can be allowed to do; the password is the name with a 1.
pub fn accounts() -> Vec<Account> {
    let roles = [
        ("user", Some(Role::User)),
        ("agent", Some(Role::Agent)),
        ("reader", Some(Role::ReadOnly)),
        ("member", Some(Role::Member)),
        ("nobody", None),
    ];
    let account = |(name, role): (&str, _)| Account {
        username: name.into(),
        password: format!("{name}1"),
        project: "project".into(),
        role,
    };
    roles.into_iter().map(account).collect()
}

impl Stack {
    pub fn start() -> Stack {
        Stack::with_tokens_of(Duration::from_secs(3600))
    }

    pub fn with_tokens_of(token_lifetime: Duration) -> Stack {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let dir = tempfile::tempdir().unwrap();
        let executor = ProcessExecutor::new(ProcessOptions {
            cpu_factor: 0.5,
            state_dir: dir.path().join("executor"),
            limiter: LimiterChoice::Auto,
            env: vec![],
        })
        .unwrap();
        let options = LocalOptions::new(dir.path().join("cluster"), Arc::new(executor), Arc::new(SystemClock));
        let options = LocalOptions { accounts: accounts(), token_lifetime, ..options };
        let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Stack { cluster: LocalCluster::start(options).unwrap(), client, dir }
    }

    /// The credentials file of this account.
    pub fn file(&self, account: &str, keystone: &str, monasca: &str) -> PathBuf {
        let path = self.dir.path().join(format!("{account}.json"));
        let account = accounts().into_iter().find(|one| one.username == account).unwrap();
        account.write(&path, keystone, monasca).unwrap();
        path
    }

    pub fn credentials(&self, account: &str) -> OpenStackCredentials {
        let file = self.file(account, &self.cluster.keystone_url(), &self.cluster.monasca_url());
        OpenStackCredentials::read(&file).unwrap().value
    }

    /// A token of this account, had without the client under test.
    pub async fn token(&self, account: &str) -> String {
        let response = self.log_in(login(account, &format!("{account}1"), "project")).await;
        assert_eq!(response.status(), 201);
        response.headers()["X-Subject-Token"].to_str().unwrap().to_owned()
    }

    pub async fn log_in(&self, body: Value) -> reqwest::Response {
        let url = format!("{}/v3/auth/tokens", self.cluster.keystone_url());
        self.client.post(url).json(&body).send().await.unwrap()
    }

    /// GET below `/v2.0` of Monasca: the status, and the body when it is JSON.
    pub async fn get(&self, token: &str, path: &str) -> (u16, Value) {
        let url = format!("{}/v2.0/{path}", self.cluster.monasca_url());
        answer(self.client.get(url).header("X-Auth-Token", token).send().await.unwrap()).await
    }

    pub async fn post(&self, token: &str, path: &str, body: &str) -> (u16, Value) {
        let url = format!("{}/v2.0/{path}", self.cluster.monasca_url());
        let request = self.client.post(url).header("X-Auth-Token", token).header("Content-Type", "application/json");
        answer(request.body(body.to_owned()).send().await.unwrap()).await
    }

    /// Every value of every series of `name`, by the uuid of its job: instants in milliseconds with values, in order.
    pub async fn values(&self, token: &str, name: &str) -> Vec<(String, Vec<(i64, f64)>)> {
        let query = format!("metrics/measurements?name={name}&start_time=2020-01-01&group_by=*");
        let (status, answer) = self.get(token, &query).await;
        assert_eq!(status, 200, "{answer}");
        let series = answer["elements"].as_array().unwrap().iter().map(|element| {
            let rows = element["measurements"].as_array().unwrap().iter();
            let values = rows.map(|row| {
                let at = chrono::DateTime::parse_from_rfc3339(row[0].as_str().unwrap()).unwrap().timestamp_millis();
                (at, row[1].as_f64().unwrap())
            });
            (element["dimensions"]["uuid"].as_str().unwrap_or_default().to_owned(), values.collect())
        });
        series.collect()
    }
}

pub async fn answer(response: reqwest::Response) -> (u16, Value) {
    let status = response.status().as_u16();
    let text = response.text().await.unwrap();
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

/// The body of a login.
pub fn login(username: &str, password: &str, project: &str) -> Value {
    let domain = json!({"id": "default"});
    json!({"auth": {
        "identity": {"methods": ["password"], "password": {"user": {"name": username, "domain": domain, "password": password}}},
        "scope": {"project": {"name": project, "domain": domain}}
    }})
}

pub fn transport() -> TransportOptions {
    TransportOptions { request_timeout: Duration::from_secs(5), ..TransportOptions::default() }
}

/// Tokens as the supervisor keeps them.
pub fn kept_tokens(credentials: &OpenStackCredentials) -> Tokens {
    let keystone = Keystone::new(credentials, &transport()).unwrap();
    Arc::new(KeptTokens::new(TokenActor::new(keystone).start()))
}

pub fn monasca(credentials: &OpenStackCredentials) -> Monasca {
    Monasca::new(credentials, kept_tokens(credentials), &transport()).unwrap()
}

/// Runs a test on the runtime that the actors need.
pub fn on_actix(test: impl Future<Output = ()> + 'static) {
    drop(rustls::crypto::ring::default_provider().install_default());
    actix_rt::System::new().block_on(test);
}

/// Waits for something that must come to pass.
pub async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let began = Instant::now();
    while !holds().await {
        assert!(began.elapsed() < Duration::from_secs(60), "waited in vain until {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
