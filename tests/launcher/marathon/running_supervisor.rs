//! A launch with a supervisor that really runs.

use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mesos_qos::clients::marathon::MarathonClient;
use mesos_qos::clients::transport::TransportOptions;
use mesos_qos::clock::SystemClock;
use mesos_qos::config::Settings;
use mesos_qos::launcher::{JobSource, LaunchError, launch_app};
use mesos_qos::supervise;
use serde_json::{Value, json};
use wiremock::matchers::any;
use wiremock::{Mock, MockServer};

use super::{Marathon, agent, app};
use crate::world::*;

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
        let client = patient(&server.uri());
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

fn patient(url: &str) -> MarathonClient {
    let options = TransportOptions { request_timeout: Duration::from_secs(20), ..TransportOptions::default() };
    MarathonClient::new(credentials(url), options).unwrap()
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
