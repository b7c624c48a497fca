//! The command line around a launch on Marathon.

use serde_json::{Value, json};

use super::{Marathon, app};
use crate::world::*;

#[tokio::test]
async fn the_command_launches_with_the_settings_of_file_and_flags() {
    let marathon = Marathon::new("1.5.6");
    let world = World::new(Registers("tight"), marathon.clone()).await;
    let directory = tempfile::tempdir().unwrap();
    let app = write(directory.path(), "app.json", &app().to_string());
    let credentials = write(directory.path(), "m.json", &json!({"url": world.framework.uri() + "/v2"}).to_string());
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
    let world = World::new(Registers("feasible"), Marathon::new("1.4.1")).await;
    let directory = tempfile::tempdir().unwrap();
    let app = write(directory.path(), "app.json", &app().to_string());
    let credentials = write(directory.path(), "m.json", &json!({"url": world.framework.uri()}).to_string());
    let url = world.supervisor.uri();
    let arguments = ["-j", &app, "-m", &credentials, "-i", &url, "--dry-run", "--checkpoint-dir", "/mnt/c"];
    let (result, said) = run(&arguments).await;
    let printed: Value = serde_json::from_str(&result.unwrap()).unwrap();
    assert_eq!(printed["env"]["SHELL_TRAP_TOKEN"], "<callback-token>");
    assert!(said.iter().any(|line| line.contains("1.5 and later")), "{said:?}");
    assert!(world.asked().await.is_empty());
    assert!(world.framework.received_requests().await.unwrap().is_empty());
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
    // One of Chronos needs none of them.
    let job = json!({"name": "a", "command": "true", "schedule": "R1//PT1M"});
    let job = write(directory.path(), "job.json", &job.to_string());
    let (result, _) = run(&["-j", &job, "-m", &credentials, "-i", "http://127.0.0.1:9", "--config", &empty]).await;
    assert!(result.unwrap_err().to_string().contains("launch it with -c"));
    let openstack = write(directory.path(), "o.json", r#"{"keystone_url": "http://k/v3"}"#);
    let (result, _) = run(&["-j", &app, "-m", &openstack, "-i", "http://127.0.0.1:9"]).await;
    assert!(result.unwrap_err().to_string().contains("older README"));
}
