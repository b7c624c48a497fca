//! The command line around a launch on Chronos.

use serde_json::{Value, json};

use super::{Chronos, job};
use crate::world::*;

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
    let world = World::new(Registers("tight"), Chronos::default()).await;
    let directory = tempfile::tempdir().unwrap();
    let job = write(directory.path(), "job.json", &job().to_string());
    let credentials = write(directory.path(), "chronos.json", &json!({"url": world.framework.uri()}).to_string());
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
    let world = World::new(Registers("feasible"), Chronos::default()).await;
    let directory = tempfile::tempdir().unwrap();
    let job = write(directory.path(), "job.json", &job().to_string());
    let credentials = write(directory.path(), "chronos.json", &json!({"url": world.framework.uri()}).to_string());
    let url = world.supervisor.uri();
    let (result, _) = run(&["-j", &job, "-c", &credentials, "-i", &url, "--dry-run"]).await;
    let printed: Value = serde_json::from_str(&result.unwrap()).unwrap();
    assert_eq!(printed["schedule"], "R/2099-01-01T00:00:00Z/P1Y");
    assert!(printed.to_string().contains("<callback-token>"));
    assert!(world.asked().await.is_empty());
    assert!(world.framework.received_requests().await.unwrap().is_empty());
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
