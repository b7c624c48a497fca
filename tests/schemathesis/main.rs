//! The API as its description says, by [schemathesis](https://schemathesis.readthedocs.io): thousands of requests that are right, wrong
//! and odd, against a real supervisor. No answer may be other than described, none may be a 500, and nothing wrong may be accepted.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]
#![allow(dead_code, reason = "the support has parts for other tests")]

#[path = "../api/helpers.rs"]
mod helpers;
mod python;

use std::path::Path;
use std::process::Output;
use std::time::Duration;

use helpers::{TestApp, now, on_actix};
use serde_json::json;
use tokio::process::Command;

/// What a description cannot say: how fields depend on each other, and on the job and its history. Requests that are refused for that
/// are right by the description; all else that is right must be accepted.
const SETTINGS: &str = r#"
continue-on-failure = true
request-timeout = 30
headers = { Authorization = "Bearer ${OPERATOR_TOKEN}" }

[checks.positive_data_acceptance]
expected-statuses = ["2xx", "304", "401", "403", "404", "409", "422", "503"]

[phases.stateful]
enabled = false

# Goes on until the client leaves: tests/api/stream.rs asks it.
[[operations]]
include-path = "/api/v1/events"
enabled = false
"#;

#[test]
fn the_api_is_as_its_description_says() {
    let schemathesis = python::program();
    on_actix(async move {
        let app = TestApp::start().await;
        // A job of each kind, and one that is over, so that there is something to find.
        let (batch, over) = (app.registered("batch").await, app.registered("over").await);
        app.send(reqwest::Method::DELETE, &format!("/api/v1/jobs/{over}"), Some(&app.operator), None).await;
        let long = helpers::new_uuid();
        let body = json!({"uuid": long, "name": "/long", "framework": "marathon", "job_duration": 400, "deadline": 600,
            "desv_deadline": 0.1, "cpus": 1.0, "arguments_version": 1});
        assert_eq!(app.post("/initTask", body).await.0, 200);
        let begun = json!({"uuid": long, "started_at": now(), "execution": "e1"});
        assert_eq!(app.post("/initMarathonApp", begun).await.0, 200);

        let dir = tempfile::tempdir().unwrap();
        for (number, uuid) in [batch, over, long].iter().enumerate() {
            let settings = format!("{SETTINGS}\n[parameters]\n\"path.uuid\" = \"{uuid}\"\n");
            std::fs::write(dir.path().join("schemathesis.toml"), settings).unwrap();
            let output = run(&schemathesis, dir.path(), &app, number + 1).await;
            let said = String::from_utf8_lossy(&output.stdout);
            assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
            // It has really asked, and was let in.
            assert!(said.contains("passed") && !said.contains("Authentication failed"), "{said}");
            assert!(!said.contains("nresolvable reference"), "{said}");
        }
        assert_eq!(app.get("/readyz").await.0, 200);
    });
}

async fn run(schemathesis: &Path, dir: &Path, app: &TestApp, seed: usize) -> Output {
    let mut command = Command::new(schemathesis);
    command
        .args([
            "run",
            "--no-color",
            "--phases",
            "examples,coverage,fuzzing",
            "--max-examples",
            "10",
            "--seed",
            &seed.to_string(),
        ])
        .arg(format!("{}/openapi.json", app.url))
        .current_dir(dir)
        .env("OPERATOR_TOKEN", &app.operator)
        .env("NO_PROXY", "127.0.0.1")
        .kill_on_drop(true);
    tokio::time::timeout(Duration::from_secs(540), command.output()).await.expect("it ends").unwrap()
}
