//! Apps of the local cluster in containers of a real daemon. Needs root; a private daemon is started, installed when
//! missing.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod local_support;

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use local_support::marathon::{Marathon, options};
use mesos_qos::local::LocalOptions;
use mesos_qos::local::MarathonVersion::V1_5;
use mesos_qos::local::executor::docker::image::build_demo_image;
use mesos_qos::local::executor::docker::{DockerExecutor, DockerOptions};
use mesos_qos::local::journal::{Entry, TaskEnd};
use reqwest::Method;
use serde_json::{Value, json};

const IMAGE: &str = "mesos-qos-marathon-test:latest";
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/dockerd.sh");

/// A daemon of our own, ended with the test.
struct Daemon {
    directory: tempfile::TempDir,
    host: String,
}

impl Daemon {
    fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        // Not through a pipe: the daemon would hold its other end open.
        let answer = directory.path().join("host");
        let file = std::fs::File::create(&answer).unwrap();
        let status = Command::new("sh").args([SCRIPT, "start"]).arg(directory.path()).stdout(file).status().unwrap();
        assert!(status.success(), "a Docker daemon is needed for this test: see tests/support/dockerd.sh");
        let host = std::fs::read_to_string(answer).unwrap().trim().to_owned();
        Daemon { directory, host }
    }

    fn docker(&self, arguments: &[&str]) -> String {
        let output = Command::new("docker").args(["--host", &self.host]).args(arguments).output().unwrap();
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// The host configuration of the only container.
    fn only_container(&self) -> Value {
        let id = self.docker(&["ps", "-q", "--no-trunc"]);
        assert!(id.len() == 64, "one container, not {id:?}");
        serde_json::from_str(&self.docker(&["inspect", "--format", "{{json .HostConfig}}", &id])).unwrap()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = Command::new("sh").args([SCRIPT, "stop"]).arg(self.directory.path()).status();
    }
}

async fn line(marathon: &Marathon, path: &Path, nth: usize) -> String {
    let read = || std::fs::read_to_string(path).unwrap_or_default();
    marathon.until("the task has written", async || read().matches('\n').count() > nth).await;
    read().lines().nth(nth).unwrap().to_owned()
}

#[tokio::test]
async fn an_app_runs_in_its_image_with_its_ports_and_its_limit() {
    let daemon = Daemon::start();
    let dir = daemon.directory.path().to_owned();
    let program = Path::new(env!("CARGO_BIN_EXE_mesos-qos"));
    build_demo_image(Some(&daemon.host), IMAGE, program, &dir).await.unwrap();
    let docker = DockerOptions {
        cpu_factor: 0.1,
        state_dir: dir.join("docker-executor"),
        host: Some(daemon.host.clone()),
        image: None,
        env: Vec::new(),
    };
    let executor = Arc::new(DockerExecutor::connect(docker).await.unwrap());
    let marathon = Marathon::start(LocalOptions { executor, ..options(&dir, V1_5) });
    let cmd = "echo $MARATHON_APP_DOCKER_IMAGE $PORT0; trap 'echo saved; exit 0' TERM; while :; do sleep 0.1; done";
    let app = json!({
        "cmd": cmd, "mem": 64, "taskKillGracePeriodSeconds": 20, "networks": [{"mode": "container/bridge"}],
        "upgradeStrategy": {"minimumHealthCapacity": 0, "maximumOverCapacity": 0},
        "container": {"type": "DOCKER", "docker": {"image": IMAGE}, "portMappings": [{"containerPort": 80}]},
    });
    marathon.create("/a", app).await;
    let port = marathon.tasks("/a").await[0]["ports"][0].to_string();
    let first = dir.join("sandboxes/1/stdout");
    assert_eq!(line(&marathon, &first, 0).await, format!("{IMAGE} {port}"));
    let host = daemon.only_container();
    assert_eq!(host["PortBindings"]["80/tcp"][0]["HostPort"], json!(port));
    let rate = |host: &Value| host["CpuQuota"].as_f64().unwrap() / host["CpuPeriod"].as_f64().unwrap();
    assert!((rate(&host) - 0.1).abs() < 1e-3, "{host}");

    assert_eq!(marathon.with(Method::PUT, "/v2/apps/a", json!({"cpus": 1.5})).await.0, 200);
    marathon.at_rest().await;
    assert_eq!(line(&marathon, &first, 1).await, "saved", "it had the time that its grace gives");
    assert!((rate(&daemon.only_container()) - 0.15).abs() < 1e-3);
    let end = |entry: &Entry| matches!(entry, Entry::End { seq: 1, end: TaskEnd::Code(0), .. });
    assert!(marathon.journal().iter().any(end), "{:?}", marathon.journal());
    marathon.send(Method::DELETE, "/v2/apps/a").await;
    marathon.at_rest().await;
    assert_eq!(daemon.docker(&["ps", "-aq"]), "");
    marathon.cluster.shutdown().await;
}
