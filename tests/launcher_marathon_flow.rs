//! A launch on Marathon from the app file to the submitted app, against masters that go wrong in every way.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

use std::future::Future;
use std::net::TcpListener;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use clap::Parser;
use mesos_qos::api::register::RegisterRequest;
use mesos_qos::cli::launch::{LaunchArgs, execute};
use mesos_qos::clients::marathon::{MarathonClient, MarathonClientOptions, MarathonCredentials};
use mesos_qos::clock::{ManualClock, SystemClock};
use mesos_qos::config::Settings;
use mesos_qos::launcher::submit::SubmitTiming;
use mesos_qos::launcher::{AgentSettings, JobSource, LaunchError, LaunchOptions, Launched, SupervisorApi, launch_app};
use mesos_qos::qos::units::Timestamp;
use mesos_qos::supervise;
use secrecy::SecretString;
use serde_json::{Value, json};
use wiremock::matchers::{any, header, method, path, path_regex};
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate};

const TOKEN: &str = "callback-token-1";
const VERSIONS: [&str; 3] = ["1.1.1", "1.4.1", "1.5.6"];

fn app() -> Value {
    json!({
        "id": "openmplinpack1", "cmd": "/linpack_openmp 6000", "cpus": "1", "mem": "512",
        "container": {"type": "DOCKER", "docker": {"image": "linpack-openmp"}},
        "qos": {"duration": 400, "deadline": 480, "desv_deadline": 0.1, "max_failures": 2}
    })
}

/// An app of somebody else under the same id.
fn other() -> Value {
    json!({"id": "/openmplinpack1", "cmd": "true", "cpus": 2, "env": {}})
}

/// Registers everything with this verdict.
struct Registers(&'static str);

impl Respond for Registers {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let body: RegisterRequest = serde_json::from_slice(&request.body).unwrap();
        let admission = json!({"verdict": self.0, "available_cpus": 2.0, "reason": "needs 1.1 CPU of 2.0"});
        ResponseTemplate::new(200)
            .set_body_json(json!({"uuid": body.uuid, "callback_token": TOKEN, "admission": admission}))
    }
}

/// What becomes of one submission.
#[derive(Clone, Copy, PartialEq)]
enum Post {
    /// Answered with a status, and stored or not.
    Status(u16, bool),
    /// Stored, and answered too late.
    StoredLate,
}

/// A Marathon of some version whose answers to submissions are scripted and which keeps the apps that it accepts.
#[derive(Clone)]
struct Marathon {
    version: &'static str,
    apps: Arc<Mutex<Vec<Value>>>,
    posts: Arc<Mutex<Vec<Post>>>,
    /// Looks at the deployments until the last deletion is over.
    deleting: Arc<Mutex<u32>>,
    locked: bool,
    started: Arc<dyn Fn(&Value) + Send + Sync>,
}

impl Marathon {
    fn new(version: &'static str) -> Self {
        let (apps, posts, deleting) = Default::default();
        Marathon { version, apps, posts, deleting, locked: false, started: Arc::new(|_| {}) }
    }

    fn scripted(posts: &[Post]) -> Self {
        let marathon = Marathon::new("1.4.1");
        marathon.posts.lock().unwrap().extend(posts);
        marathon
    }

    fn stored(&self) -> Vec<Value> {
        self.apps.lock().unwrap().clone()
    }

    fn store(&self, app: Value) {
        let mut apps = self.apps.lock().unwrap();
        apps.retain(|other| other["id"] != app["id"]);
        apps.push(app.clone());
        drop(apps);
        (self.started)(&app);
    }

    fn is_older_than(&self, minor: u32) -> bool {
        self.version.split('.').nth(1).unwrap().parse::<u32>().unwrap() < minor
    }

    /// What this version says of the shape of an app.
    fn refusal(&self, app: &Value) -> Option<ResponseTemplate> {
        let numbers = ["cpus", "mem", "instances", "backoffSeconds", "taskKillGracePeriodSeconds"];
        let no_number = numbers.iter().find(|key| !app[**key].is_number());
        let status = if self.is_older_than(5) { 400 } else { 422 };
        no_number.map(|key| {
            let details = json!([{"path": format!("/{key}"), "errors": ["error.expected.jsnumber"]}]);
            says(status, json!({"message": "Invalid JSON", "details": details}))
        })
    }

    fn submitted(&self, request: &Request, success: u16) -> ResponseTemplate {
        let app: Value = serde_json::from_slice(&request.body).unwrap();
        if let Some(refusal) = self.refusal(&app) {
            return refusal;
        }
        let post =
            Some(&mut *self.posts.lock().unwrap()).filter(|posts| !posts.is_empty()).map(|posts| posts.remove(0));
        let post = post.unwrap_or(Post::Status(success, true));
        if matches!(post, Post::Status(_, true) | Post::StoredLate) {
            self.store(app.clone());
        }
        let mut body = app;
        body["version"] = json!("2026-11-20T10:00:00.000Z");
        body["deployments"] = json!([{"id": "d1"}]);
        let changed = json!({"version": "2026-11-20T10:00:00.000Z", "deploymentId": "d1"});
        match post {
            Post::Status(201, _) => says(201, body),
            Post::Status(200, _) => says(200, changed),
            Post::Status(status, _) => ResponseTemplate::new(status),
            Post::StoredLate => says(201, body).set_delay(Duration::from_secs(5)),
        }
    }
}

fn says(status: u16, body: Value) -> ResponseTemplate {
    ResponseTemplate::new(status).set_body_json(body)
}

impl Respond for Marathon {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let at = request.url.path();
        let query = request.url.query().unwrap_or_default();
        let id = at.strip_prefix("/v2/apps");
        let there = self.stored().into_iter().find(|app| Some(app["id"].as_str().unwrap()) == id);
        let absent = || says(404, json!({"message": format!("App '{}' does not exist", id.unwrap_or_default())}));
        let lock = || {
            says(409, json!({"message": "App is locked by one or more deployments.", "deployments": [{"id": "d0"}]}))
        };
        match (request.method.as_str(), at) {
            ("GET", "/v2/info") => says(200, json!({"name": "marathon", "version": self.version, "leader": "m:8080"})),
            ("GET", "/v2/deployments") => {
                let mut deleting = self.deleting.lock().unwrap();
                let under_way = *deleting > 0;
                *deleting = deleting.saturating_sub(1);
                says(
                    200,
                    if under_way { json!([{"id": "d2", "affectedApps": ["/openmplinpack1"]}]) } else { json!([]) },
                )
            }
            ("GET", _) => there.map_or_else(absent, |app| says(200, json!({"app": app}))),
            ("POST", "/v2/apps") => {
                let app: Value = serde_json::from_slice(&request.body).unwrap();
                if *self.deleting.lock().unwrap() > 0 {
                    return lock();
                }
                if self.stored().iter().any(|stored| stored["id"] == app["id"]) {
                    return says(409, json!({"message": format!("An app with id [{}] already exists.", app["id"])}));
                }
                self.submitted(request, 201)
            }
            ("PUT", _) if self.locked => lock(),
            ("PUT", _) if query == "partialUpdate=false&force=false" && !self.is_older_than(4) => {
                self.submitted(request, 200)
            }
            ("DELETE", _) if there.is_none() => absent(),
            ("DELETE", _) if self.locked && query != "force=true" => lock(),
            ("DELETE", _) => {
                self.apps.lock().unwrap().retain(|app| Some(app["id"].as_str().unwrap()) != id);
                *self.deleting.lock().unwrap() = 2;
                says(200, json!({"version": "v", "deploymentId": "d2"}))
            }
            _ => ResponseTemplate::new(500),
        }
    }
}

/// A supervisor, a Marathon and what is between them.
struct World {
    supervisor: MockServer,
    marathon: MockServer,
    options: LaunchOptions,
}

impl World {
    async fn new(registers: impl Respond + 'static, marathon: &Marathon) -> Self {
        let world =
            World { supervisor: MockServer::start().await, marathon: MockServer::start().await, options: options() };
        let operator =
            Mock::given(method("POST")).and(path("/initTask")).and(header("authorization", "Bearer operator"));
        operator.respond_with(registers).mount(&world.supervisor).await;
        Mock::given(any()).respond_with(marathon.clone()).mount(&world.marathon).await;
        world
    }

    /// What becomes of a withdrawal.
    async fn withdrawal(self, status: u16) -> Self {
        let route = Mock::given(method("POST")).and(path_regex("^/api/v1/jobs/[0-9a-f-]{36}/withdraw$"));
        route.respond_with(says(status, json!({"detail": "started already"}))).mount(&self.supervisor).await;
        self
    }

    async fn launch(&self, app: Value) -> Result<Launched, LaunchError> {
        let supervisor = supervisor_at(&self.supervisor.uri(), "operator");
        let marathon = marathon_at(&self.marathon.uri());
        launch_app(JobSource::Json(app), &marathon, &supervisor, &agent(), self.options.clone()).await
    }

    /// What the supervisor was asked.
    async fn asked(&self) -> Vec<String> {
        let requests = self.supervisor.received_requests().await.unwrap();
        requests
            .iter()
            .map(|one| if one.url.path().ends_with("/withdraw") { "withdraw".into() } else { one.url.path().into() })
            .collect()
    }

    /// What Marathon was asked to change.
    async fn changes(&self) -> Vec<String> {
        let requests = self.marathon.received_requests().await.unwrap();
        requests.iter().map(|one| one.method.to_string()).filter(|method| method != "GET").collect()
    }
}

fn options() -> LaunchOptions {
    let mut options = LaunchOptions::new(Arc::new(ManualClock::at(Timestamp::from_micros(0))));
    options.timing = SubmitTiming {
        visible_within: Duration::from_millis(600),
        lookup_within: Duration::from_millis(200),
        pause: Duration::from_millis(50),
        attempts: 3,
    };
    options
}

fn agent() -> AgentSettings {
    AgentSettings {
        executor_path: "/usr/local/bin/shell_trap".into(),
        checkpoint_dir: "/mnt/checkpoints".into(),
        kill_grace_seconds: 60,
    }
}

fn supervisor_at(url: &str, token: &str) -> SupervisorApi {
    let token = Some(SecretString::from(token));
    SupervisorApi::new(url.parse().unwrap(), token, &MarathonClientOptions::default()).unwrap()
}

fn marathon_at(url: &str) -> MarathonClient {
    let credentials =
        MarathonCredentials { urls: vec![url.parse().unwrap()], user: String::new(), password: SecretString::from("") };
    let options = MarathonClientOptions { request_timeout: Duration::from_millis(800), ..Default::default() };
    MarathonClient::new(credentials, options).unwrap()
}

fn dead_url() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

#[tokio::test]
async fn the_job_is_registered_then_submitted_on_every_version() {
    for version in VERSIONS {
        let marathon = Marathon::new(version);
        let world = World::new(Registers("feasible"), &marathon).await;
        let launched = world.launch(app()).await.unwrap();
        assert_eq!((launched.name.as_str(), launched.submitted), ("/openmplinpack1", true));

        let registered: Value =
            serde_json::from_slice(&world.supervisor.received_requests().await.unwrap()[0].body).unwrap();
        let wished = json!({
            "uuid": launched.uuid, "name": "/openmplinpack1", "framework": "marathon", "job_duration": 400.0,
            "deadline": 480.0, "desv_deadline": 0.1, "cpus": 1.0, "max_failures": 2, "arguments_version": 1
        });
        assert_eq!(registered, wished);

        assert_eq!(world.changes().await, ["POST"]);
        let stored = &marathon.stored()[0];
        assert_eq!(stored["cmd"], "exec /usr/local/bin/shell_trap");
        assert_eq!(stored["env"]["SHELL_TRAP_UUID"], json!(launched.uuid));
        assert_eq!(stored["env"]["SHELL_TRAP_TOKEN"], TOKEN);
        assert_eq!(stored["env"]["SHELL_TRAP_SUPERVISOR"], json!(world.supervisor.uri()));
        assert_eq!(stored.get("networks").is_some(), version == "1.5.6");
        let document = serde_json::to_value(&launched).unwrap();
        let keys: Vec<&str> = document.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(keys, ["uuid", "framework", "name", "admission", "submitted"]);
        assert_eq!(document["framework"], "marathon");
    }
}

#[tokio::test]
async fn an_app_that_is_there_is_refused_before_anything_is_changed() {
    let marathon = Marathon::new("1.4.1");
    marathon.store(other());
    let world = World::new(Registers("feasible"), &marathon).await;
    let error = world.launch(app()).await.unwrap_err();
    assert!(matches!(error, LaunchError::AppExists(_)) && error.to_string().contains("--replace"), "{error}");
    assert!(world.asked().await.is_empty() && world.changes().await.is_empty());
    assert_eq!(marathon.stored(), [other()]);
}

#[tokio::test]
async fn an_app_is_replaced_as_a_whole_on_every_version() {
    for (version, changes) in [("1.1.1", vec!["DELETE", "POST"]), ("1.4.1", vec!["PUT"]), ("1.5.6", vec!["PUT"])] {
        let marathon = Marathon::new(version);
        marathon.store(other());
        let mut world = World::new(Registers("feasible"), &marathon).await;
        world.options.replace = true;
        let launched = world.launch(app()).await.unwrap();
        assert_eq!(world.changes().await, changes, "{version}");
        let stored = &marathon.stored()[0];
        assert_eq!(stored["env"]["SHELL_TRAP_UUID"], json!(launched.uuid));
        let requests = world.marathon.received_requests().await.unwrap();
        assert!(requests.iter().all(|one| !one.url.query().unwrap_or_default().contains("force=true")));
    }
}

#[tokio::test]
async fn the_new_app_is_not_submitted_before_the_old_one_is_gone() {
    let marathon = Marathon::new("1.1.1");
    marathon.store(other());
    let mut world = World::new(Registers("feasible"), &marathon).await;
    world.options.replace = true;
    // The answer to the first deletion is lost.
    let lost = marathon.clone();
    let answer_is_lost = move |request: &Request| {
        lost.respond(request);
        ResponseTemplate::new(504)
    };
    let first = Mock::given(method("DELETE")).respond_with(answer_is_lost).up_to_n_times(1);
    first.with_priority(1).mount(&world.marathon).await;
    world.launch(app()).await.unwrap();
    assert_eq!(world.changes().await, ["DELETE", "DELETE", "POST"]);
    let requests = world.marathon.received_requests().await.unwrap();
    let looks = requests.iter().filter(|one| one.url.path() == "/v2/deployments").count();
    assert_eq!(looks, 3, "it waits for the deployment that ends the old one");
}

#[tokio::test]
async fn an_app_in_a_deployment_is_not_replaced() {
    for version in ["1.1.1", "1.5.6"] {
        let mut marathon = Marathon::new(version);
        marathon.locked = true;
        marathon.store(other());
        let mut world = World::new(Registers("feasible"), &marathon).await.withdrawal(200).await;
        world.options.replace = true;
        let error = world.launch(app()).await.unwrap_err().to_string();
        assert!(error.contains("locked by the deployment d0") && error.contains("was withdrawn"), "{error}");
        assert_eq!(marathon.stored(), [other()]);
    }
}

#[tokio::test]
async fn an_invalid_app_reaches_nobody() {
    let world = World::new(Registers("feasible"), &Marathon::new("1.4.1")).await;
    let mut app = app();
    app["qos"] = json!({});
    assert!(matches!(world.launch(app).await, Err(LaunchError::JobFile(_))));
    assert!(world.asked().await.is_empty());
    assert!(world.marathon.received_requests().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_supervisor_that_is_down_or_refuses_leaves_no_app_behind() {
    let marathon = Marathon::new("1.4.1");
    let world = World::new(says(409, json!({"detail": "supervised already"})), &marathon).await;
    let error = world.launch(app()).await.unwrap_err();
    assert!(error.to_string().contains("supervised already"), "{error}");
    let supervisor = supervisor_at(&dead_url(), "operator");
    let client = marathon_at(&world.marathon.uri());
    let launched = launch_app(JobSource::Json(app()), &client, &supervisor, &agent(), options()).await;
    assert!(launched.unwrap_err().to_string().contains("nothing was submitted"));
    assert!(marathon.stored().is_empty() && world.changes().await.is_empty());
}

#[tokio::test]
async fn a_marathon_that_is_down_changes_nothing() {
    let world = World::new(Registers("feasible"), &Marathon::new("1.4.1")).await;
    let supervisor = supervisor_at(&world.supervisor.uri(), "operator");
    let client = marathon_at(&dead_url());
    let launched = launch_app(JobSource::Json(app()), &client, &supervisor, &agent(), options()).await;
    assert!(launched.unwrap_err().to_string().contains("nothing was changed"));
    assert!(world.asked().await.is_empty());
}

#[tokio::test]
async fn an_infeasible_job_is_not_submitted_when_only_a_feasible_one_is_wanted() {
    let marathon = Marathon::new("1.4.1");
    let mut world = World::new(Registers("infeasible"), &marathon).await.withdrawal(200).await;
    world.options.require_feasible = true;
    let error = world.launch(app()).await.unwrap_err();
    assert!(error.to_string().contains("needs 1.1 CPU of 2.0"), "{error}");
    assert_eq!(world.asked().await, ["/api/v1/admission", "/initTask", "withdraw"]);
    assert!(marathon.stored().is_empty());
}

#[tokio::test]
async fn a_refused_submission_withdraws_the_registration() {
    let marathon = Marathon::scripted(&[Post::Status(422, false)]);
    let world = World::new(Registers("feasible"), &marathon).await.withdrawal(200).await;
    let error = world.launch(app()).await.unwrap_err().to_string();
    assert!(error.contains("was not submitted") && error.contains("was withdrawn"), "{error}");
    assert_eq!(world.asked().await, ["/initTask", "withdraw"]);
    assert_eq!(world.changes().await.len(), 1, "what is not valid now will not be");
    let requests = world.supervisor.received_requests().await.unwrap();
    let body: Value = serde_json::from_slice(&requests[1].body).unwrap();
    assert!(body["reason"].as_str().unwrap().contains("422"), "{body}");
    assert_eq!(body["submitted"], false, "the name need not be kept");
}

#[tokio::test]
async fn a_submission_that_timed_out_but_arrived_is_a_success() {
    let marathon = Marathon::scripted(&[Post::StoredLate]);
    let world = World::new(Registers("feasible"), &marathon).await.withdrawal(200).await;
    world.launch(app()).await.unwrap();
    assert_eq!(world.changes().await, ["POST"]);
    assert_eq!(world.asked().await, ["/initTask"]);
}

#[tokio::test]
async fn a_submission_without_a_leader_is_looked_for_and_sent_again() {
    let marathon = Marathon::scripted(&[Post::Status(503, false), Post::Status(502, false)]);
    let world = World::new(Registers("feasible"), &marathon).await;
    world.launch(app()).await.unwrap();
    assert_eq!(world.changes().await, ["POST"; 3]);
    let at = world.marathon.received_requests().await.unwrap();
    let first = at.iter().position(|one| one.method.as_str() == "POST").unwrap();
    assert_eq!(at[first + 1].method.as_str(), "GET", "it looks before it submits again");
}

#[tokio::test]
async fn an_app_that_arrived_while_nobody_looked_is_recognised_when_it_is_in_the_way() {
    // The first answer is lost, and the app is not to be seen until the second submission is refused.
    let marathon = Marathon::scripted(&[Post::Status(503, false)]);
    let world = World::new(Registers("feasible"), &marathon).await;
    let hidden = marathon.clone();
    let late = move |request: &Request| {
        let app: Value = serde_json::from_slice(&request.body).unwrap();
        let attempts = hidden.posts.lock().unwrap().len();
        if attempts == 0 && hidden.stored().is_empty() {
            hidden.store(app);
        }
        hidden.respond(request)
    };
    Mock::given(method("POST")).respond_with(late).with_priority(1).mount(&world.marathon).await;
    world.launch(app()).await.unwrap();
    assert_eq!(world.changes().await, ["POST"; 2]);
    assert_eq!(world.asked().await, ["/initTask"]);
}

#[tokio::test]
async fn somebody_elses_app_that_came_in_between_is_left_alone() {
    let marathon = Marathon::new("1.4.1");
    let world = World::new(Registers("feasible"), &marathon).await.withdrawal(200).await;
    let rival = marathon.clone();
    let taken = move |request: &Request| {
        rival.store(other());
        rival.respond(request)
    };
    Mock::given(method("POST")).respond_with(taken).with_priority(1).mount(&world.marathon).await;
    let error = world.launch(app()).await.unwrap_err().to_string();
    assert!(error.contains("somebody else"), "{error}");
    assert_eq!(marathon.stored(), [other()]);
    assert_eq!(world.changes().await, ["POST"]);
}

#[tokio::test]
async fn a_submission_that_may_have_arrived_leaves_the_registration_and_says_what_was_found() {
    // The last attempt is refused for another reason; the first may be carried out all the same.
    for last in [Post::Status(503, false), Post::Status(422, false)] {
        let marathon = Marathon::scripted(&[Post::Status(503, false), Post::Status(503, false), last]);
        let world = World::new(Registers("feasible"), &marathon).await.withdrawal(200).await;
        let error = world.launch(app()).await.unwrap_err();
        assert!(matches!(error, LaunchError::AppUnconfirmed { .. }), "{error}");
        let error = error.to_string();
        for words in
            ["not known whether", "503", "Marathon does not show it", "stays", "withdraws the registration otherwise"]
        {
            assert!(error.contains(words), "{words}: {error}");
        }
        assert_eq!(world.asked().await, ["/initTask"], "nothing is withdrawn");
        assert_eq!(world.changes().await, ["POST"; 3]);
    }
}

#[tokio::test]
async fn a_connection_that_breaks_during_the_submission_leaves_the_registration() {
    let marathon = Marathon::new("1.4.1");
    let world = World::new(Registers("feasible"), &marathon).await.withdrawal(200).await;
    // Too late for everybody, and not carried out before the launcher has given up.
    let never = Mock::given(method("POST")).respond_with(ResponseTemplate::new(201).set_delay(Duration::from_secs(60)));
    never.with_priority(1).mount(&world.marathon).await;
    let error = world.launch(app()).await.unwrap_err().to_string();
    assert!(error.contains("no answer in time") && error.contains("Marathon does not show it"), "{error}");
    assert_eq!(world.asked().await, ["/initTask"]);
}

#[tokio::test]
async fn a_withdrawal_that_fails_is_said() {
    let marathon = Marathon::scripted(&[Post::Status(422, false)]);
    let world = World::new(Registers("feasible"), &marathon).await.withdrawal(500).await;
    let error = world.launch(app()).await.unwrap_err().to_string();
    assert!(error.contains("was not submitted") && error.contains("could not be withdrawn"), "{error}");
}

/// A supervisor at which `withdrawn` happens when a registration is taken back.
async fn with_withdrawal(marathon: &Marathon, status: u16, carries: bool) -> World {
    let world = World::new(Registers("feasible"), marathon).await;
    let appears = marathon.clone();
    let withdrawn = move |request: &Request| {
        let uuid = request.url.path().split('/').nth(4).unwrap().to_owned();
        let env = if carries { json!({ "SHELL_TRAP_UUID": uuid }) } else { json!({}) };
        appears.store(json!({"id": "/openmplinpack1", "cpus": 1, "env": env}));
        ResponseTemplate::new(status)
    };
    Mock::given(path_regex("withdraw$")).respond_with(withdrawn).mount(&world.supervisor).await;
    world
}

#[tokio::test]
async fn a_job_that_has_reported_its_start_in_the_meantime_is_launched() {
    let marathon = Marathon::scripted(&[Post::Status(422, false)]);
    let world = with_withdrawal(&marathon, 409, true).await;
    world.launch(app()).await.unwrap();
    assert_eq!(marathon.stored().len(), 1);
}

#[tokio::test]
async fn our_app_that_shows_up_after_its_withdrawal_is_removed_and_anothers_is_not() {
    for (ours, left) in [(true, 0), (false, 1)] {
        let mut marathon = Marathon::scripted(&[Post::Status(422, false)]);
        // Its first deployment holds it.
        marathon.locked = true;
        let world = with_withdrawal(&marathon, 200, ours).await;
        assert!(world.launch(app()).await.is_err());
        assert_eq!(marathon.stored().len(), left);
    }
}

#[tokio::test]
async fn the_warnings_of_the_file_and_of_the_version_are_said() {
    let said = Arc::new(Mutex::new(Vec::new()));
    let log = said.clone();
    let mut world = World::new(Registers("feasible"), &Marathon::new("1.1.1")).await;
    world.options.progress = Arc::new(move |line| log.lock().unwrap().push(line.to_owned()));
    let mut app = app();
    app["instances"] = json!(4);
    world.launch(app).await.unwrap();
    let said = said.lock().unwrap().join("\n");
    for words in ["instances: becomes 1", "Marathon 1.1.1 ignores it", "registered", "submitted /openmplinpack1"] {
        assert!(said.contains(words), "{words}: {said}");
    }
    assert!(!said.contains(TOKEN) && !said.contains("operator"));
}

/// Runs a test on the runtime that the supervisor's actors need.
fn on_actix(test: impl Future<Output = ()> + 'static) {
    drop(rustls::crypto::ring::default_provider().install_default());
    actix_rt::System::new().block_on(test);
}

#[test]
fn a_program_that_reports_before_the_submission_is_answered_finds_its_job_known() {
    on_actix(async {
        let directory = tempfile::tempdir().unwrap();
        let credentials = write(directory.path(), "m.json", &json!({"url": dead_url()}).to_string());
        let data = directory.path().join("data").display().to_string();
        let settings = [
            ("SUPERVISOR_LISTEN", "127.0.0.1"),
            ("SUPERVISOR_PORT", "0"),
            ("SUPERVISOR_DATA_DIR", &data),
            ("SUPERVISOR_CREDENTIALS_MARATHON", &credentials),
        ];
        let variables = settings.map(|(key, value)| (format!("MESOS_QOS_{key}").into(), value.into()));
        let settings = Settings::load(vec![], variables, None).unwrap();
        let (supervising, server) = supervise::start(&settings, Arc::new(SystemClock)).await.unwrap();
        actix_rt::spawn(server);
        let operator = std::fs::read_to_string(&supervising.token_file).unwrap();
        let url = format!("http://{}", supervising.address);

        // The fastest possible program: it reports while Marathon still has the submission in its hands.
        let answers = Arc::new(Mutex::new(Vec::new()));
        let heard = answers.clone();
        let mut marathon = Marathon::new("1.4.1");
        marathon.started = Arc::new(move |app| heard.lock().unwrap().push(report_start(app)));
        let server = MockServer::start().await;
        Mock::given(any()).respond_with(marathon.clone()).mount(&server).await;

        let supervisor = supervisor_at(&url, operator.trim());
        let client = marathon_with(&server.uri(), Duration::from_secs(20));
        let launched = launch_app(JobSource::Json(app()), &client, &supervisor, &agent(), options()).await.unwrap();
        assert_eq!(launched.admission.verdict, "feasible");
        assert_eq!(*answers.lock().unwrap(), ["200"]);

        // The same id again: the app is there, and with --replace the supervisor refuses a second job of that name.
        let again = launch_app(JobSource::Json(app()), &client, &supervisor, &agent(), options()).await;
        assert!(matches!(again, Err(LaunchError::AppExists(_))));
        let mut replacing = options();
        replacing.replace = true;
        let again = launch_app(JobSource::Json(app()), &client, &supervisor, &agent(), replacing).await;
        assert!(again.unwrap_err().to_string().contains("already registered"));
        assert_eq!(marathon.stored()[0]["env"]["SHELL_TRAP_UUID"], json!(launched.uuid), "nothing was replaced");
        supervising.stop().await;
    });
}

fn marathon_with(url: &str, request_timeout: Duration) -> MarathonClient {
    let credentials =
        MarathonCredentials { urls: vec![url.parse().unwrap()], user: String::new(), password: SecretString::from("") };
    MarathonClient::new(credentials, MarathonClientOptions { request_timeout, ..Default::default() }).unwrap()
}

/// What the program does first, from its environment alone. Returns the status of the answer.
fn report_start(app: &Value) -> String {
    let env = |name: &str| app["env"][name].as_str().unwrap();
    let body = json!({"uuid": env("SHELL_TRAP_UUID"), "started_at": 1_795_000_000.5}).to_string();
    let output = std::process::Command::new("curl")
        .args([
            "-sS",
            "--max-time",
            "10",
            "-o",
            "/dev/null",
            "-w",
            "%{http_code}",
            "-H",
            "Content-Type: application/json",
        ])
        .args(["-H", &format!("Authorization: Bearer {}", env("SHELL_TRAP_TOKEN")), "-d", &body])
        .arg(format!("{}/initMarathonApp", env("SHELL_TRAP_SUPERVISOR")))
        .output()
        .expect("this test needs curl");
    String::from_utf8(output.stdout).unwrap()
}

/// The arguments as the command line reads them.
#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    launch: LaunchArgs,
}

async fn run(arguments: &[&str]) -> (anyhow::Result<String>, Vec<String>) {
    let said = Arc::new(Mutex::new(Vec::new()));
    let log = said.clone();
    let say = Arc::new(move |line: &str| log.lock().unwrap().push(line.to_owned()));
    let arguments = Cli::try_parse_from(["launch"].iter().chain(arguments)).unwrap().launch;
    let result = execute(arguments, Arc::new(ManualClock::at(Timestamp::from_micros(0))), say).await;
    let said = said.lock().unwrap().clone();
    (result, said)
}

fn write(directory: &Path, name: &str, text: &str) -> String {
    use std::os::unix::fs::PermissionsExt;
    let path = directory.join(name);
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    path.display().to_string()
}

#[tokio::test]
async fn the_command_launches_with_the_settings_of_file_and_flags() {
    let marathon = Marathon::new("1.5.6");
    let world = World::new(Registers("tight"), &marathon).await;
    let directory = tempfile::tempdir().unwrap();
    let app = write(directory.path(), "app.json", &app().to_string());
    let credentials = write(directory.path(), "m.json", &json!({"url": world.marathon.uri() + "/v2"}).to_string());
    let token = write(directory.path(), "token", "operator\n");
    let config = "[launcher]\nexecutor_path = \"/opt/shell_trap\"\ncheckpoint_dir = \"/shared\"\n\
                  task_kill_grace_period_seconds = 20.5\n";
    let config = write(directory.path(), "mesos-qos.toml", config);
    let url = world.supervisor.uri();
    let arguments = ["-j", &app, "-m", &credentials, "-i", &url, "--token-file", &token, "--config", &config];
    let (result, said) = run(&[&arguments[..], &["--checkpoint-dir", "/mnt/c", "--json"]].concat()).await;
    let document: Value = serde_json::from_str(&result.unwrap()).unwrap();
    assert_eq!((&document["framework"], &document["submitted"]), (&json!("marathon"), &json!(true)));
    let stored = &marathon.stored()[0];
    assert_eq!(stored["cmd"], "exec /opt/shell_trap");
    assert_eq!(stored["env"]["SHELL_TRAP_CHECKPOINT_DIR"], "/mnt/c", "a flag wins over the file");
    assert_eq!(
        (&stored["taskKillGracePeriodSeconds"], &stored["env"]["SHELL_TRAP_GRACE_SECONDS"]),
        (&json!(21), &json!("21"))
    );
    assert!(said.iter().all(|line| !line.contains("operator") && !line.contains(TOKEN)), "{said:?}");
}

#[tokio::test]
async fn a_dry_run_prints_the_app_and_touches_nobody() {
    let world = World::new(Registers("feasible"), &Marathon::new("1.4.1")).await;
    let directory = tempfile::tempdir().unwrap();
    let app = write(directory.path(), "app.json", &app().to_string());
    let credentials = write(directory.path(), "m.json", &json!({"url": world.marathon.uri()}).to_string());
    let url = world.supervisor.uri();
    let arguments = ["-j", &app, "-m", &credentials, "-i", &url, "--dry-run", "--checkpoint-dir", "/mnt/c"];
    let (result, said) = run(&arguments).await;
    let printed: Value = serde_json::from_str(&result.unwrap()).unwrap();
    assert_eq!(printed["env"]["SHELL_TRAP_TOKEN"], "<callback-token>");
    assert!(said.iter().any(|line| line.contains("1.5 and later")), "{said:?}");
    assert!(world.asked().await.is_empty());
    assert!(world.marathon.received_requests().await.unwrap().is_empty());
}

#[tokio::test]
async fn settings_that_no_app_can_be_launched_with_are_named() {
    let directory = tempfile::tempdir().unwrap();
    let app = write(directory.path(), "app.json", &app().to_string());
    let credentials = write(directory.path(), "m.json", r#"{"url": "http://127.0.0.1:9"}"#);
    let empty = write(directory.path(), "empty.toml", "");
    for (more, words) in [
        (vec![], "launcher.checkpoint_dir: missing"),
        (vec!["--checkpoint-dir", "relative"], "absolute path"),
        (vec!["--checkpoint-dir", "/c", "--executor-path", "shell_trap"], "absolute path"),
        (vec!["--checkpoint-dir", "/c", "--task-kill-grace-period-seconds", "0"], "from 1 to 3600"),
    ] {
        let arguments = ["-j", &app, "-m", &credentials, "-i", "http://127.0.0.1:9", "--config", &empty];
        let (result, _) = run(&[&arguments[..], &more].concat()).await;
        let error = format!("{:#}", result.unwrap_err());
        assert!(error.contains(words), "{more:?}: {error}");
    }
    let openstack = write(directory.path(), "o.json", r#"{"keystone_url": "http://k/v3"}"#);
    let (result, _) = run(&["-j", &app, "-m", &openstack, "-i", "http://127.0.0.1:9"]).await;
    assert!(result.unwrap_err().to_string().contains("older README"));
}
