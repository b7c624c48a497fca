//! A launch from the job file to the submitted job, against a supervisor and a Chronos that go wrong in every way.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

use std::net::TcpListener;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use clap::Parser;
use mesos_qos::api::register::RegisterRequest;
use mesos_qos::cli::launch::{LaunchArgs, execute};
use mesos_qos::clients::chronos::{ChronosClient, ChronosClientOptions, ChronosCredentials};
use mesos_qos::clock::ManualClock;
use mesos_qos::launcher::submit::SubmitTiming;
use mesos_qos::launcher::{JobSource, LaunchError, LaunchOptions, Launched, SupervisorApi, ask_admission, launch};
use mesos_qos::qos::units::Timestamp;
use secrecy::SecretString;
use serde_json::{Value, json};
use wiremock::matchers::{any, header, method, path, path_regex};
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate};

const NOW: Timestamp = Timestamp::from_micros(1_795_000_000_000_000);
const TOKEN: &str = "callback-token-1";

fn job() -> Value {
    json!({
        "name": "job1", "command": "/linpack 6000", "schedule": "R4//PT5M", "cpus": "1", "mem": "500",
        "qos": {"duration": 400, "deadline": 1800, "desv_deadline": 0.2, "policy": "step", "max_failures": 2}
    })
}

/// Registers everything with this verdict.
struct Registers(&'static str);

impl Respond for Registers {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let body: RegisterRequest = serde_json::from_slice(&request.body).unwrap();
        ResponseTemplate::new(200).set_body_json(json!({
            "uuid": body.uuid, "callback_token": TOKEN,
            "admission": {"verdict": self.0, "needed_cpus": 1.1, "available_cpus": 2.0, "reason": "needs 1.1 CPU of 2.0"}
        }))
    }
}

/// A 3.x Chronos whose answers to POST are scripted and which keeps the job that it accepts.
#[derive(Clone, Default)]
struct Chronos {
    jobs: Arc<Mutex<Vec<Value>>>,
    posts: Arc<Mutex<Vec<Post>>>,
}

/// What becomes of one POST.
#[derive(Clone, Copy, PartialEq)]
enum Post {
    /// Answered with a status, and stored or not.
    Status(u16, bool),
    /// Stored, and answered too late.
    StoredLate,
}

impl Chronos {
    fn scripted(posts: &[Post]) -> Self {
        let chronos = Chronos::default();
        chronos.posts.lock().unwrap().extend(posts);
        chronos
    }

    fn stored(&self) -> Vec<Value> {
        self.jobs.lock().unwrap().clone()
    }

    fn store(&self, job: Value) {
        let mut jobs = self.jobs.lock().unwrap();
        jobs.retain(|other| other["name"] != job["name"]);
        jobs.push(job);
    }
}

impl Respond for Chronos {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let at = request.url.path();
        let Some(at) = at.strip_prefix("/v1/scheduler/") else { return ResponseTemplate::new(404) };
        let name = at.strip_prefix("job/");
        match (request.method.as_str(), name) {
            ("GET", None) => ResponseTemplate::new(200).set_body_json(self.stored()),
            ("GET", Some(name)) => match self.stored().iter().find(|job| job["name"] == name) {
                Some(job) => ResponseTemplate::new(200).set_body_json(job),
                None => ResponseTemplate::new(400)
                    .set_body_json(json!({"status": "Bad Request", "message": format!("Job '{name}' not found")})),
            },
            ("POST", None) => {
                let mut posts = self.posts.lock().unwrap();
                let post = if posts.is_empty() { Post::Status(204, true) } else { posts.remove(0) };
                if matches!(post, Post::Status(_, true) | Post::StoredLate) {
                    self.store(serde_json::from_slice(&request.body).unwrap());
                }
                match post {
                    Post::Status(status, _) => ResponseTemplate::new(status),
                    Post::StoredLate => ResponseTemplate::new(204).set_delay(Duration::from_secs(5)),
                }
            }
            ("DELETE", Some(name)) => {
                self.jobs.lock().unwrap().retain(|job| job["name"] != name);
                ResponseTemplate::new(204)
            }
            _ => ResponseTemplate::new(500),
        }
    }
}

/// A supervisor, a Chronos and what is between them.
struct World {
    supervisor: MockServer,
    chronos: MockServer,
    options: LaunchOptions,
}

impl World {
    async fn new(registers: impl Respond + 'static, chronos: &Chronos) -> Self {
        let world =
            World { supervisor: MockServer::start().await, chronos: MockServer::start().await, options: options() };
        let operator =
            Mock::given(method("POST")).and(path("/initTask")).and(header("authorization", "Bearer operator"));
        operator.respond_with(registers).mount(&world.supervisor).await;
        Mock::given(any()).respond_with(chronos.clone()).mount(&world.chronos).await;
        world
    }

    /// What becomes of a withdrawal.
    async fn withdrawal(self, status: u16) -> Self {
        let route = Mock::given(method("POST")).and(path_regex("^/api/v1/jobs/[0-9a-f-]{36}/withdraw$"));
        let answer = ResponseTemplate::new(status).set_body_json(json!({"detail": "started already"}));
        route.respond_with(answer).mount(&self.supervisor).await;
        self
    }

    async fn launch(&self, job: Value) -> Result<Launched, LaunchError> {
        let supervisor = supervisor_at(&self.supervisor.uri());
        launch(JobSource::Json(job), &chronos_at(&self.chronos.uri()), &supervisor, self.options.clone()).await
    }

    /// Method and path of what the supervisor was asked.
    async fn asked(&self) -> Vec<String> {
        let requests = self.supervisor.received_requests().await.unwrap();
        requests
            .iter()
            .map(|one| if one.url.path().ends_with("/withdraw") { "withdraw".into() } else { one.url.path().into() })
            .collect()
    }

    async fn posts(&self) -> usize {
        let requests = self.chronos.received_requests().await.unwrap();
        requests.iter().filter(|one| one.method.as_str() == "POST").count()
    }
}

fn options() -> LaunchOptions {
    let mut options = LaunchOptions::new(Arc::new(ManualClock::at(NOW)));
    options.timing = SubmitTiming {
        visible_within: Duration::from_millis(600),
        lookup_within: Duration::from_millis(200),
        pause: Duration::from_millis(50),
        attempts: 3,
    };
    options
}

fn supervisor_at(url: &str) -> SupervisorApi {
    let token = SecretString::from("operator");
    SupervisorApi::new(url.parse().unwrap(), Some(token), &ChronosClientOptions::default()).unwrap()
}

fn chronos_at(url: &str) -> ChronosClient {
    let credentials =
        ChronosCredentials { urls: vec![url.parse().unwrap()], user: String::new(), password: SecretString::from("") };
    let options = ChronosClientOptions { request_timeout: Duration::from_secs(2), ..Default::default() };
    ChronosClient::new(credentials, options).unwrap()
}

fn dead_url() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

#[tokio::test]
async fn the_job_is_registered_then_submitted_then_seen() {
    let chronos = Chronos::default();
    let world = World::new(Registers("feasible"), &chronos).await;
    let launched = world.launch(job()).await.unwrap();
    assert_eq!((launched.name.as_str(), launched.submitted), ("job1", true));
    assert_eq!(launched.admission.verdict, "feasible");

    let registered: RegisterRequest =
        serde_json::from_slice(&world.supervisor.received_requests().await.unwrap()[0].body).unwrap();
    let wished = json!({
        "uuid": launched.uuid, "name": "job1", "framework": "chronos", "job_duration": 400.0, "deadline": 1800.0,
        "desv_deadline": 0.2, "iterations": 4, "cpus": 1.0, "policy": "step", "max_failures": 2, "arguments_version": 1,
        "callback_window": 600.0
    });
    assert_eq!(serde_json::to_value(&registered).unwrap(), wished);

    let stored = &chronos.stored()[0];
    assert_eq!(stored["schedule"], "R/2099-01-01T00:00:00Z/P1Y");
    let variables = stored["environmentVariables"].as_array().unwrap();
    let value = |name: &str| variables.iter().find(|one| one["name"] == name).map(|one| one["value"].clone());
    assert_eq!(value("MESOS_QOS_UUID"), Some(json!(launched.uuid)));
    assert_eq!(value("MESOS_QOS_TOKEN"), Some(json!(TOKEN)));
    assert_eq!(value("MESOS_QOS_URL"), Some(json!(world.supervisor.uri())));
    assert!(!stored["command"].as_str().unwrap().contains(TOKEN), "the token is in the environment alone");
    let document = serde_json::to_value(&launched).unwrap();
    let keys: Vec<&str> = document.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys, ["uuid", "framework", "name", "admission", "submitted"]);
}

#[tokio::test]
async fn a_future_start_is_registered_and_not_submitted() {
    let world = World::new(Registers("feasible"), &Chronos::default()).await;
    let mut job = job();
    job["schedule"] = json!("R4/2027-01-01T00:00:00Z/PT5M");
    world.launch(job).await.unwrap();
    let body: Value = serde_json::from_slice(&world.supervisor.received_requests().await.unwrap()[0].body).unwrap();
    assert_eq!(body["start_at"], json!(1_798_761_600.0));
}

#[tokio::test]
async fn a_name_that_chronos_has_is_refused_before_anything_is_changed_unless_replaced() {
    let chronos = Chronos::default();
    chronos.store(json!({"name": "job1", "cpus": 1, "command": "other"}));
    let mut world = World::new(Registers("feasible"), &chronos).await;
    let error = world.launch(job()).await.unwrap_err();
    assert!(matches!(error, LaunchError::NameTaken(_)) && error.to_string().contains("--replace"), "{error}");
    assert_eq!((world.asked().await.len(), world.posts().await), (0, 0));

    world.options.replace = true;
    let launched = world.launch(job()).await.unwrap();
    assert!(chronos.stored()[0].to_string().contains(&launched.uuid.to_string()));
}

#[tokio::test]
async fn an_invalid_job_reaches_nobody() {
    let world = World::new(Registers("feasible"), &Chronos::default()).await;
    let mut job = job();
    job["qos"] = json!({});
    assert!(matches!(world.launch(job).await, Err(LaunchError::JobFile(_))));
    assert!(world.asked().await.is_empty());
    assert!(world.chronos.received_requests().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_supervisor_that_is_down_leaves_no_job_behind() {
    let chronos = Chronos::default();
    let world = World::new(Registers("feasible"), &chronos).await;
    let supervisor = supervisor_at(&dead_url());
    let source = JobSource::Json(job());
    let error = launch(source, &chronos_at(&world.chronos.uri()), &supervisor, options()).await.unwrap_err();
    assert!(error.to_string().contains("nothing was submitted"), "{error}");
    assert!(chronos.stored().is_empty());
}

#[tokio::test]
async fn a_supervisor_that_is_busy_is_asked_again_with_the_same_body() {
    let world = World::new(Registers("feasible"), &Chronos::default()).await;
    let busy = Mock::given(path("/initTask")).respond_with(ResponseTemplate::new(503)).up_to_n_times(2);
    busy.with_priority(1).mount(&world.supervisor).await;
    world.launch(job()).await.unwrap();
    let requests = world.supervisor.received_requests().await.unwrap();
    assert_eq!(requests.len(), 3);
    assert!(requests.iter().all(|one| one.body == requests[0].body));
}

#[tokio::test]
async fn a_refused_registration_shows_the_supervisors_reason() {
    let chronos = Chronos::default();
    for (status, body, words) in [
        (
            409,
            json!({"title": "Conflict", "detail": "job1 is supervised already"}).to_string(),
            "job1 is supervised already",
        ),
        (401, json!({"title": "Unauthorized"}).to_string(), "--token-file"),
        (404, "nothing here".into(), "is this URL the supervisor's?"),
        (422, "".into(), "without a reason"),
    ] {
        let answer = ResponseTemplate::new(status).set_body_raw(body, "application/problem+json");
        let world = World::new(answer, &chronos).await;
        let error = world.launch(job()).await.unwrap_err();
        assert!(error.to_string().contains(words), "{error}");
        assert_eq!(world.asked().await, ["/initTask"], "a refusal is final");
    }
    assert!(chronos.stored().is_empty());
}

#[tokio::test]
async fn an_infeasible_job_is_launched_unless_only_a_feasible_one_is_wanted() {
    let chronos = Chronos::default();
    let mut world = World::new(Registers("infeasible"), &chronos).await.withdrawal(200).await;
    assert_eq!(world.launch(job()).await.unwrap().admission.verdict, "infeasible");
    world.options.require_feasible = true;
    world.options.replace = true;
    let posts = world.posts().await;
    let error = world.launch(job()).await.unwrap_err();
    assert!(error.to_string().contains("needs 1.1 CPU of 2.0"), "{error}");
    assert_eq!(world.posts().await, posts);
    assert_eq!(world.asked().await.last().unwrap(), "withdraw");
}

/// Answers the question before a registration with this verdict.
async fn asked_before(world: &World, verdict: &str) {
    let body = json!({
        "admission": {"verdict": verdict, "needed_cpus": 2.47, "available_cpus": 2.0, "reason": "needs 2.47 CPU, a job may get 2"},
        "least_deadline": 1911.0
    });
    let route =
        Mock::given(method("POST")).and(path("/api/v1/admission")).and(header("authorization", "Bearer operator"));
    route.respond_with(ResponseTemplate::new(200).set_body_json(body)).mount(&world.supervisor).await;
}

#[tokio::test]
async fn where_only_a_feasible_job_is_wanted_an_infeasible_one_is_not_even_registered() {
    let chronos = Chronos::default();
    let mut world = World::new(Registers("feasible"), &chronos).await;
    world.options.require_feasible = true;
    asked_before(&world, "infeasible").await;
    let error = world.launch(job()).await.unwrap_err().to_string();
    assert!(
        error.contains("needs 2.47 CPU, a job may get 2") && error.contains("the least deadline is 1911 s"),
        "{error}"
    );
    assert_eq!(world.asked().await, ["/api/v1/admission"]);
    assert_eq!(world.posts().await, 0);

    let mut world = World::new(Registers("tight"), &chronos).await;
    world.options.require_feasible = true;
    asked_before(&world, "tight").await;
    world.launch(job()).await.unwrap();
    assert_eq!(world.asked().await, ["/api/v1/admission", "/initTask"]);
}

#[tokio::test]
async fn the_least_deadline_is_told_and_nothing_is_changed() {
    let chronos = Chronos::default();
    let world = World::new(Registers("feasible"), &chronos).await;
    asked_before(&world, "infeasible").await;
    let answer =
        ask_admission(JobSource::Json(job()), &supervisor_at(&world.supervisor.uri()), &world.options).await.unwrap();
    assert_eq!(answer.least_deadline, Some(1911.0));
    assert_eq!((world.asked().await, world.posts().await), (vec!["/api/v1/admission".to_owned()], 0));
    // A supervisor that does not know the question is named as the reason.
    let world = World::new(Registers("feasible"), &chronos).await;
    let error = ask_admission(JobSource::Json(job()), &supervisor_at(&world.supervisor.uri()), &world.options)
        .await
        .unwrap_err();
    assert!(error.to_string().contains("does not say which deadline it can keep"), "{error}");
}

#[tokio::test]
async fn a_refused_submission_withdraws_the_registration() {
    let chronos = Chronos::scripted(&[Post::Status(400, false)]);
    let world = World::new(Registers("feasible"), &chronos).await.withdrawal(200).await;
    let error = world.launch(job()).await.unwrap_err();
    assert!(error.to_string().contains("was not submitted") && error.to_string().contains("was withdrawn"), "{error}");
    assert_eq!(world.asked().await, ["/initTask", "withdraw"]);
    assert_eq!(world.posts().await, 1);
    let requests = world.supervisor.received_requests().await.unwrap();
    let body: Value = serde_json::from_slice(&requests[1].body).unwrap();
    assert!(body["reason"].as_str().unwrap().contains("400"), "{body}");
}

#[tokio::test]
async fn a_submission_that_timed_out_but_arrived_is_a_success() {
    let chronos = Chronos::scripted(&[Post::StoredLate]);
    let world = World::new(Registers("feasible"), &chronos).await.withdrawal(200).await;
    world.launch(job()).await.unwrap();
    assert_eq!(world.posts().await, 1);
    assert_eq!(world.asked().await, ["/initTask"]);
}

#[tokio::test]
async fn a_submission_of_unknown_outcome_that_did_not_arrive_is_sent_again() {
    let chronos = Chronos::scripted(&[Post::Status(500, false), Post::Status(500, false)]);
    let world = World::new(Registers("feasible"), &chronos).await;
    world.launch(job()).await.unwrap();
    assert_eq!(world.posts().await, 3);
}

#[tokio::test]
async fn a_chronos_that_keeps_failing_ends_in_a_withdrawal_that_may_fail_too() {
    let chronos = Chronos::scripted(&[Post::Status(500, false); 3]);
    let world = World::new(Registers("feasible"), &chronos).await.withdrawal(500).await;
    let error = world.launch(job()).await.unwrap_err();
    assert_eq!(world.posts().await, 3);
    assert!(error.to_string().contains("could not be withdrawn and will expire"), "{error}");
}

#[tokio::test]
async fn a_job_that_the_supervisor_has_started_in_the_meantime_is_launched() {
    let chronos = Chronos::scripted(&[Post::Status(500, false), Post::Status(500, false), Post::Status(500, false)]);
    let world = World::new(Registers("feasible"), &chronos).await;
    let supervisor = MockServer::start().await;
    Mock::given(path("/initTask")).respond_with(Registers("feasible")).mount(&supervisor).await;
    let appears = chronos.clone();
    let started = move |request: &Request| {
        let uuid = request.url.path().split('/').nth(4).unwrap().to_owned();
        appears.store(json!({"name": "job1", "cpus": 1, "environmentVariables": [{"name": "U", "value": uuid}]}));
        ResponseTemplate::new(409)
    };
    Mock::given(path_regex("withdraw$")).respond_with(started).mount(&supervisor).await;
    let chronos_client = chronos_at(&world.chronos.uri());
    launch(JobSource::Json(job()), &chronos_client, &supervisor_at(&supervisor.uri()), options()).await.unwrap();
}

#[tokio::test]
async fn a_job_that_shows_up_after_its_withdrawal_is_removed() {
    let chronos = Chronos::scripted(&[Post::Status(500, false); 3]);
    let world = World::new(Registers("feasible"), &chronos).await;
    let appears = chronos.clone();
    let withdrawn = move |request: &Request| {
        let uuid = request.url.path().split('/').nth(4).unwrap().to_owned();
        appears.store(json!({"name": "job1", "cpus": 1, "environmentVariables": [{"name": "U", "value": uuid}]}));
        ResponseTemplate::new(200)
    };
    Mock::given(path_regex("withdraw$")).respond_with(withdrawn).mount(&world.supervisor).await;
    assert!(world.launch(job()).await.is_err());
    assert!(chronos.stored().is_empty());
}

#[tokio::test]
async fn an_accepted_job_that_does_not_show_up_keeps_its_registration() {
    let chronos = Chronos::scripted(&[Post::Status(204, false)]);
    let world = World::new(Registers("feasible"), &chronos).await;
    let error = world.launch(job()).await.unwrap_err();
    assert!(matches!(error, LaunchError::Unconfirmed { .. }), "{error}");
    assert_eq!(world.asked().await, ["/initTask"]);
}

#[tokio::test]
async fn a_chronos_that_is_down_changes_nothing() {
    let world = World::new(Registers("feasible"), &Chronos::default()).await;
    let supervisor = supervisor_at(&world.supervisor.uri());
    let error = launch(JobSource::Json(job()), &chronos_at(&dead_url()), &supervisor, options()).await.unwrap_err();
    assert!(error.to_string().contains("nothing was changed"), "{error}");
    assert!(world.asked().await.is_empty());
}

#[tokio::test]
async fn a_token_that_would_break_out_of_its_header_is_not_used() {
    let hostile = |request: &Request| {
        let body: RegisterRequest = serde_json::from_slice(&request.body).unwrap();
        ResponseTemplate::new(200).set_body_json(json!({
            "uuid": body.uuid, "callback_token": "x\"\nurl = file:///etc/passwd",
            "admission": {"verdict": "feasible", "available_cpus": 2.0, "reason": ""}
        }))
    };
    let chronos = Chronos::default();
    let world = World::new(hostile, &chronos).await.withdrawal(200).await;
    assert!(matches!(world.launch(job()).await, Err(LaunchError::Token(None))));
    assert!(chronos.stored().is_empty());
}

/// The arguments as the command line reads them.
#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    launch: LaunchArgs,
}

fn cli(arguments: &[&str]) -> Result<LaunchArgs, clap::Error> {
    Cli::try_parse_from(["launch"].iter().chain(arguments)).map(|cli| cli.launch)
}

async fn run(arguments: &[&str]) -> (anyhow::Result<String>, Vec<String>) {
    let said = Arc::new(Mutex::new(Vec::new()));
    let log = said.clone();
    let say = Arc::new(move |line: &str| log.lock().unwrap().push(line.to_owned()));
    let result = execute(cli(arguments).unwrap(), Arc::new(ManualClock::at(NOW)), say).await;
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

#[test]
fn wrong_usage_is_told_by_the_parser() {
    let valid = ["-j", "job.json", "-c", "chronos.json", "-i", "http://s:30000"];
    assert!(cli(&valid).is_ok());
    assert!(cli(&["--job-file", "j", "--credentials-marathon", "m", "-i", "10.0.0.1"]).is_ok());
    for wrong in [
        vec!["-j", "j", "-i", "http://s"],
        vec!["-j", "j", "-c", "c", "-m", "m", "-i", "http://s"],
        vec!["-c", "c", "-i", "http://s"],
        vec!["-j", "j", "-c", "c"],
        vec!["-j", "j", "-c", "c", "-i", "ftp://s"],
        vec!["-j", "j", "-c", "c", "-i", "http://s", "--callback-window", "-1"],
    ] {
        assert_eq!(cli(&wrong).unwrap_err().exit_code(), 2, "{wrong:?}");
    }
}

#[tokio::test]
async fn the_command_prints_one_json_document_and_tells_its_progress() {
    let world = World::new(Registers("tight"), &Chronos::default()).await;
    let directory = tempfile::tempdir().unwrap();
    let job = write(directory.path(), "job.json", &job().to_string());
    let credentials = write(directory.path(), "chronos.json", &json!({"url": world.chronos.uri()}).to_string());
    let token = write(directory.path(), "token", "operator\n");
    let url = world.supervisor.uri();
    let (result, said) = run(&["-j", &job, "-c", &credentials, "-i", &url, "--token-file", &token, "--json"]).await;
    let document: Value = serde_json::from_str(&result.unwrap()).unwrap();
    assert_eq!((&document["framework"], &document["submitted"]), (&json!("chronos"), &json!(true)));
    assert_eq!(document["admission"]["verdict"], "tight");
    assert!(said.iter().any(|line| line.contains("registered")) && said.iter().any(|line| line.contains("submitted")));
    assert!(said.iter().all(|line| !line.contains("operator") && !line.contains(TOKEN)), "{said:?}");
}

#[tokio::test]
async fn a_dry_run_prints_the_job_and_touches_nobody() {
    let world = World::new(Registers("feasible"), &Chronos::default()).await;
    let directory = tempfile::tempdir().unwrap();
    let job = write(directory.path(), "job.json", &job().to_string());
    let credentials = write(directory.path(), "chronos.json", &json!({"url": world.chronos.uri()}).to_string());
    let url = world.supervisor.uri();
    let (result, _) = run(&["-j", &job, "-c", &credentials, "-i", &url, "--dry-run"]).await;
    let printed: Value = serde_json::from_str(&result.unwrap()).unwrap();
    assert_eq!(printed["schedule"], "R/2099-01-01T00:00:00Z/P1Y");
    assert!(printed.to_string().contains("<callback-token>"));
    assert!(world.asked().await.is_empty());
    assert!(world.chronos.received_requests().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_marathon_app_is_no_chronos_job() {
    let directory = tempfile::tempdir().unwrap();
    let app = write(directory.path(), "app.json", &json!({"id": "/a", "cmd": "true"}).to_string());
    let credentials = write(directory.path(), "c.json", r#"{"url": "http://127.0.0.1:9"}"#);
    let (result, _) = run(&["-j", &app, "-c", &credentials, "-i", "http://127.0.0.1:9"]).await;
    assert!(result.unwrap_err().to_string().contains("launch it with -m"));
}

#[tokio::test]
async fn a_token_file_must_hold_one_token() {
    let directory = tempfile::tempdir().unwrap();
    let job = write(directory.path(), "job.json", &job().to_string());
    let credentials = write(directory.path(), "chronos.json", r#"{"url": "http://127.0.0.1:9"}"#);
    for text in ["", "\n", "two tokens", "a\nb"] {
        let token = write(directory.path(), "token", text);
        let arguments = ["-j", &job, "-c", &credentials, "-i", "http://127.0.0.1:9", "--token-file", &token];
        let (result, _) = run(&arguments).await;
        assert!(format!("{:#}", result.unwrap_err()).contains("one token"), "{text:?}");
    }
}
