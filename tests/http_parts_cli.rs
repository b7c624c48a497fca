//! The operator's commands against a supervisor, as a user types them.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Output;

use assert_cmd::Command;
use serde_json::{Value, json};
use wiremock::matchers::{header, method, path, query_param, query_param_is_missing};
use wiremock::{Mock, MockServer, ResponseTemplate};

const UUID: &str = "6c4a7f0e-22f5-4a3e-9e39-0d5f5e7f9a11";

fn job(name: &str) -> Value {
    json!({"uuid": UUID, "name": name, "framework": "chronos", "state": "running", "performance": "UNDER_PERFORMANT",
        "qos": {"duration": 130.0, "deadline": 1800.0, "desv_deadline": 0.2},
        "registered_at": "2017-07-14T02:40:00Z", "deadline_at": "2017-07-14T03:10:00Z", "iterations": 13, "remaining": 9,
        "cpus": 1.4, "cpus_submitted": 1.0, "prediction": "2017-07-14T03:12:05Z", "upper": "2017-07-14T03:08:30Z",
        "lower": "2017-07-14T03:04:00Z",
        "admission": {"verdict": "tight", "needed_cpus": 1.9, "available_cpus": 2.0, "reason": "needs 1.9 CPU"},
        "failures_in_row": 0, "flags": ["report_lost"], "policy": "step", "rescales": 1, "version": 17})
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::cargo_bin("mesos-qos").unwrap();
    for variable in ["MESOS_QOS_SUPERVISOR", "MESOS_QOS_TOKEN_FILE", "MESOS_QOS_CACERT"] {
        command.env_remove(variable);
    }
    command.args(arguments);
    command
}

/// Runs the command beside the mock server, which shares the test's thread.
async fn run(mut command: Command) -> (i32, String, String) {
    let Output { status, stdout, stderr } =
        tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    (status.code().unwrap(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

fn token_file() -> (tempfile::TempDir, String) {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("operator.token");
    fs::write(&file, "token-of-the-operator\n").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    let name = file.display().to_string();
    (dir, name)
}

#[tokio::test]
async fn jobs_lists_all_pages_one_line_a_job() {
    let server = MockServer::start().await;
    let (_dir, token) = token_file();
    let first = json!({"items": [job("openmpLinpack3")], "next": "41"});
    let second = json!({"items": [job("evil\u{1b}[2J\u{7}name")], "next": null});
    Mock::given(method("GET"))
        .and(path("/api/v1/jobs"))
        .and(query_param_is_missing("after"))
        .and(header("authorization", "Bearer token-of-the-operator"))
        .respond_with(ResponseTemplate::new(200).set_body_json(first))
        .mount(&server)
        .await;
    Mock::given(method("GET"))
        .and(path("/api/v1/jobs"))
        .and(query_param("after", "41"))
        .respond_with(ResponseTemplate::new(200).set_body_json(second))
        .mount(&server)
        .await;

    let uri = server.uri();
    let ask = |more: &[&str]| run(command(&[&["jobs", "--supervisor", &uri, "--token-file", &token], more].concat()));
    let (code, text, errors) = ask(&[]).await;
    assert_eq!((code, errors.as_str()), (0, ""), "{errors}");
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 3, "{text}");
    for part in [
        "openmpLinpack3",
        "running",
        "UNDER_PERFORMANT",
        "4/13",
        "1.4",
        "2017-07-14 03:12:05Z",
        "2m 5s late",
        "report_lost",
        UUID,
    ] {
        assert!(lines[1].contains(part), "{part}: {}", lines[1]);
    }
    // A name cannot drive the terminal.
    assert!(lines[2].contains(r"evil\u{1b}[2J\u{7}name") && !text.contains('\u{1b}'), "{text}");

    let (code, text, _) = ask(&["--json"]).await;
    let document: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((code, document["items"].as_array().unwrap().len(), &document["next"]), (0, 2, &Value::Null));
}

#[tokio::test]
async fn filters_travel_and_unknown_ones_are_wrong_usage() {
    let server = MockServer::start().await;
    Mock::given(query_param("state", "failed"))
        .and(query_param("framework", "chronos"))
        .respond_with(ResponseTemplate::new(200).set_body_json(json!({"items": [], "next": null})))
        .mount(&server)
        .await;
    let uri = server.uri();
    let ask = |state| run(command(&["jobs", "--supervisor", &uri, "--state", state, "--framework", "chronos"]));
    assert_eq!(ask("failed").await, (0, "no jobs\n".into(), String::new()));
    let (code, _, errors) = ask("finished").await;
    assert!(code == 2 && errors.contains("registered, running, completed"), "{code} {errors}");
}

#[tokio::test]
async fn show_tells_one_job() {
    let server = MockServer::start().await;
    Mock::given(method("GET"))
        .and(path(format!("/api/v1/jobs/{UUID}")))
        .respond_with(ResponseTemplate::new(200).set_body_json(job("a")))
        .mount(&server)
        .await;
    let uri = server.uri();
    let (code, text, _) = run(command(&["show", UUID, "--supervisor", &uri])).await;
    assert_eq!(code, 0);
    for part in ["predicted finish", "2m 5s late", "tight: needs 1.9 CPU", "iterations done", "4/13"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let (_, text, _) = run(command(&["show", UUID, "--json", "--supervisor", &uri])).await;
    let shown: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&shown["remaining"], &shown["deadline_at"]), (&json!(9), &json!("2017-07-14T03:10:00.000000Z")));
}

#[tokio::test]
async fn a_job_is_named_as_people_do_and_a_living_one_comes_before_those_that_had_its_name() {
    let server = MockServer::start().await;
    let mut over = job("linpack");
    over["uuid"] = json!("11111111-0000-4000-8000-000000000001");
    over["state"] = json!("completed");
    let (mut third, mut other) = (over.clone(), job("other"));
    third["uuid"] = json!("11111111-0000-4000-8000-000000000002");
    other["uuid"] = json!("22222222-0000-4000-8000-000000000003");
    let page = json!({"items": [over, third, job("linpack"), other], "next": null});
    let list = Mock::given(method("GET")).and(path("/api/v1/jobs"));
    list.respond_with(ResponseTemplate::new(200).set_body_json(page)).mount(&server).await;
    let one = Mock::given(path(format!("/api/v1/jobs/{UUID}")));
    one.respond_with(ResponseTemplate::new(200).set_body_json(job("linpack"))).mount(&server).await;
    let uri = server.uri();
    for name in ["linpack", &UUID[..4]] {
        let (code, text, errors) = run(command(&["show", name, "--supervisor", &uri])).await;
        assert!(code == 0 && text.contains(UUID), "{name}: {text} {errors}");
        let (code, text, errors) = run(command(&["cancel", name, "--supervisor", &uri])).await;
        assert!(code == 0 && text.starts_with(UUID), "{name}: {text} {errors}");
    }
    for (name, words) in [("1111", "2 jobs"), ("nobody", "no job is called")] {
        let (code, _, errors) = run(command(&["cancel", name, "--supervisor", &uri])).await;
        assert!(code == 1 && errors.contains(words), "{name}: {errors}");
    }
}

#[tokio::test]
async fn cancel_deletes_and_a_refusal_is_told_in_the_supervisors_words() {
    let server = MockServer::start().await;
    let mut cancelled = job("a");
    cancelled["state"] = json!("cancelled");
    Mock::given(method("DELETE"))
        .and(path(format!("/api/v1/jobs/{UUID}")))
        .respond_with(ResponseTemplate::new(202).set_body_json(cancelled))
        .up_to_n_times(1)
        .mount(&server)
        .await;
    let problem = json!({"status": 409, "title": "Conflict", "detail": "the job is completed\u{1b}[0m"});
    Mock::given(method("DELETE"))
        .respond_with(ResponseTemplate::new(409).set_body_raw(problem.to_string(), "application/problem+json"))
        .mount(&server)
        .await;
    let uri = server.uri();
    let ask = || run(command(&["cancel", UUID, "--supervisor", &uri]));
    assert_eq!(ask().await, (0, format!("{UUID} a is cancelled\n"), String::new()));
    let (code, text, errors) = ask().await;
    assert_eq!((code, text.as_str()), (1, ""));
    assert_eq!(errors, "error: the supervisor answers 409: the job is completed\\u{1b}[0m\n");
}

#[tokio::test]
async fn what_is_missing_is_named() {
    let server = MockServer::start().await;
    let refusal = json!({"title": "Unauthorized", "detail": "this route needs a token"});
    let once = Mock::given(method("GET")).respond_with(ResponseTemplate::new(401).set_body_json(refusal));
    once.up_to_n_times(1).mount(&server).await;
    // Somebody else's, who does not refuse as a supervisor does.
    Mock::given(method("GET")).respond_with(ResponseTemplate::new(401).set_body_string("<html>")).mount(&server).await;
    let uri = server.uri();
    let (code, _, errors) = run(command(&["jobs", "--supervisor", &uri])).await;
    assert!(code == 1 && errors.contains("--token-file"), "{errors}");
    let (code, _, errors) = run(command(&["jobs", "--supervisor", &uri])).await;
    assert!(code == 1 && errors.contains("is this the supervisor's address?"), "{errors}");
    let (code, _, errors) = run(command(&["jobs", "--supervisor", &uri, "--token-file", "/nowhere/token"])).await;
    assert!(code == 1 && errors.contains("/nowhere/token"), "{errors}");
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (code, _, errors) = run(command(&["jobs", "--supervisor", &closed.to_string()])).await;
    assert!(code == 1 && errors.contains(&format!("no supervisor answers at http://{closed}/")), "{errors}");
    assert!(errors.contains("onnection refused"), "{errors}");
}

#[test]
fn completions_and_manual_cover_every_command() {
    for shell in ["bash", "zsh", "fish"] {
        let script = command(&["completions", shell]).output().unwrap().stdout;
        assert!(String::from_utf8(script).unwrap().contains("cancel"), "{shell}");
    }
    let page = String::from_utf8(command(&["man"]).output().unwrap().stdout).unwrap();
    assert!(page.contains(".TH mesos") && page.contains("launch"), "{page}");
    let dir = tempfile::tempdir().unwrap();
    let pages = dir.path().join("man");
    assert!(command(&["man", "--dir", pages.to_str().unwrap()]).output().unwrap().status.success());
    for page in ["mesos-qos.1", "mesos-qos-launch.1", "mesos-qos-jobs.1"] {
        assert!(pages.join(page).exists(), "{page}");
    }
}

#[test]
fn wrong_usage_is_2_and_help_goes_to_standard_output() {
    assert_eq!(command(&[]).output().unwrap().status.code(), Some(2));
    assert_eq!(command(&["nonsense"]).output().unwrap().status.code(), Some(2));
    let help = command(&["--help"]).output().unwrap();
    assert!(help.status.success() && help.stderr.is_empty() && !help.stdout.is_empty());
}
