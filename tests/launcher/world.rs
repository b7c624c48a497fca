//! A supervisor and a framework that go wrong in every way, and a launcher between them.

use std::net::TcpListener;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use clap::Parser;
use mesos_qos::api::register::RegisterRequest;
use mesos_qos::cli::launch::{LaunchArgs, execute};
use mesos_qos::clients::transport::TransportOptions;
use mesos_qos::clock::ManualClock;
use mesos_qos::credentials::FrameworkCredentials;
use mesos_qos::launcher::submit::SubmitTiming;
use mesos_qos::launcher::{LaunchOptions, SupervisorApi};
use mesos_qos::qos::units::Timestamp;
use secrecy::SecretString;
use serde_json::{Value, json};
use wiremock::matchers::{any, header, method, path, path_regex};
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate};

/// 2026-11-18.
pub const NOW: Timestamp = Timestamp::from_micros(1_795_000_000_000_000);

/// What the jobs of this supervisor report with.
pub const TOKEN: &str = "callback-token-1";

/// Registers everything with this verdict.
pub struct Registers(pub &'static str);

impl Respond for Registers {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let body: RegisterRequest = serde_json::from_slice(&request.body).unwrap();
        ResponseTemplate::new(200).set_body_json(json!({
            "uuid": body.uuid, "callback_token": TOKEN,
            "admission": {"verdict": self.0, "needed_cpus": 1.1, "available_cpus": 2.0, "reason": "needs 1.1 CPU of 2.0"}
        }))
    }
}

/// What becomes of one submission.
#[derive(Clone, Copy, PartialEq)]
pub enum Post {
    /// Answered with a status, and stored or not.
    Status(u16, bool),
    /// Stored, and answered too late.
    StoredLate,
}

/// A supervisor, a framework and what is between them.
pub struct World {
    pub supervisor: MockServer,
    pub framework: MockServer,
    pub options: LaunchOptions,
}

impl World {
    /// A supervisor that answers registrations so, and a framework that answers everything so.
    pub async fn new(registers: impl Respond + 'static, framework: impl Respond + 'static) -> Self {
        let world =
            World { supervisor: MockServer::start().await, framework: MockServer::start().await, options: options() };
        let operator =
            Mock::given(method("POST")).and(path("/initTask")).and(header("authorization", "Bearer operator"));
        operator.respond_with(registers).mount(&world.supervisor).await;
        Mock::given(any()).respond_with(framework).mount(&world.framework).await;
        world
    }

    /// What becomes of a withdrawal.
    pub async fn withdrawal(self, status: u16) -> Self {
        let route = Mock::given(method("POST")).and(path_regex("^/api/v1/jobs/[0-9a-f-]{36}/withdraw$"));
        route.respond_with(says(status, json!({"detail": "started already"}))).mount(&self.supervisor).await;
        self
    }

    /// Paths of what the supervisor was asked.
    pub async fn asked(&self) -> Vec<String> {
        let requests = self.supervisor.received_requests().await.unwrap();
        requests
            .iter()
            .map(|one| if one.url.path().ends_with("/withdraw") { "withdraw".into() } else { one.url.path().into() })
            .collect()
    }

    /// Methods of what the framework was asked to change.
    pub async fn changes(&self) -> Vec<String> {
        let requests = self.framework.received_requests().await.unwrap();
        requests.iter().map(|one| one.method.to_string()).filter(|method| method != "GET").collect()
    }
}

pub fn says(status: u16, body: Value) -> ResponseTemplate {
    ResponseTemplate::new(status).set_body_json(body)
}

pub fn options() -> LaunchOptions {
    let mut options = LaunchOptions::new(Arc::new(ManualClock::at(NOW)));
    options.timing = SubmitTiming {
        visible_within: Duration::from_millis(600),
        lookup_within: Duration::from_millis(200),
        pause: Duration::from_millis(50),
        attempts: 3,
    };
    options
}

pub fn supervisor_at(url: &str, token: &str) -> SupervisorApi {
    let token = Some(SecretString::from(token));
    SupervisorApi::new(url.parse().unwrap(), token, &TransportOptions::default()).unwrap()
}

/// For a framework at this address that knows no users.
pub fn credentials(url: &str) -> FrameworkCredentials {
    FrameworkCredentials { urls: vec![url.parse().unwrap()], user: String::new(), password: SecretString::from("") }
}

/// Of a client that waits less than a [`Post::StoredLate`] takes, and longer than a busy machine does for anything else.
pub fn impatient() -> TransportOptions {
    TransportOptions { request_timeout: Duration::from_secs(2), ..TransportOptions::default() }
}

/// An address at which nobody listens.
pub fn dead_url() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

/// The arguments as the command line reads them.
#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    launch: LaunchArgs,
}

pub fn cli(arguments: &[&str]) -> Result<LaunchArgs, clap::Error> {
    Cli::try_parse_from(["launch"].iter().chain(arguments)).map(|cli| cli.launch)
}

/// What the command answers to these arguments, and what it tells meanwhile.
pub async fn run(arguments: &[&str]) -> (anyhow::Result<String>, Vec<String>) {
    let said = Arc::new(Mutex::new(Vec::new()));
    let log = said.clone();
    let say = Arc::new(move |line: &str| log.lock().unwrap().push(line.to_owned()));
    let result = execute(cli(arguments).unwrap(), Arc::new(ManualClock::at(NOW)), say).await;
    let said = said.lock().unwrap().clone();
    (result, said)
}

/// A file that its owner alone reads.
pub fn write(directory: &Path, name: &str, text: &str) -> String {
    use std::os::unix::fs::PermissionsExt;
    let path = directory.join(name);
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    path.display().to_string()
}
