//! `mesos-qos local` as a program: its files, its signals, its sudden death.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use mesos_qos::local::journal::{self, Entry, TaskEnd};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

struct Local {
    child: Child,
    credentials: Value,
    client: reqwest::Client,
}

impl Local {
    /// Starts it and waits until it listens.
    async fn start(dir: &Path, version: &str) -> Local {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let file = dir.join("chronos.json");
        let _ = std::fs::remove_file(&file);
        let mut child = command(dir, version).stdout(Stdio::null()).spawn().unwrap();
        eventually("it listens", async || {
            assert!(child.try_wait().unwrap().is_none(), "it has ended");
            file.exists()
        })
        .await;
        let credentials = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
        Local { child, credentials, client: reqwest::Client::new() }
    }

    fn request(&self, method: reqwest::Method, path: &str) -> reqwest::RequestBuilder {
        let field = |key: &str| self.credentials[key].as_str().unwrap().to_owned();
        self.client.request(method, field("url") + path).basic_auth(field("user"), Some(field("password")))
    }

    async fn job(&self) -> Value {
        self.request(reqwest::Method::GET, "/scheduler/jobs").send().await.unwrap().json::<Value>().await.unwrap()[0]
            .clone()
    }

    /// Creates a job that says its process id and sleeps, and runs it.
    async fn sleep(&self, pid_file: &Path) -> Pid {
        let command = format!("echo $$ > {0}.new; mv {0}.new {0}; sleep 1000", pid_file.display());
        let job = json!({"name": "a", "command": command, "schedule": "R5//PT24H", "retries": 0});
        let post = self.request(reqwest::Method::POST, "/scheduler/iso8601").json(&job);
        assert_eq!(post.send().await.unwrap().status(), 204);
        eventually("the task runs", async || pid_file.exists()).await;
        Pid::from_raw(std::fs::read_to_string(pid_file).unwrap().trim().parse().unwrap())
    }

    fn end(&mut self, signal: Signal) -> std::process::ExitStatus {
        kill(Pid::from_raw(self.child.id().cast_signed()), signal).unwrap();
        self.child.wait().unwrap()
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn command(dir: &Path, version: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mesos-qos"));
    command.args([
        "local",
        "--chronos-port=0",
        "--marathon-port=0",
        "--mesos-port=0",
        "--keystone-port=0",
        "--monasca-port=0",
        "--offer-interval=50ms",
        "--task-kill-grace=200ms",
    ]);
    command.args(["--chronos-version", version, "--state-dir"]).arg(dir);
    command
}

async fn eventually(what: &str, holds: impl AsyncFnMut() -> bool) {
    let mut holds = holds;
    let patience = Instant::now() + Duration::from_secs(30);
    while !holds().await {
        assert!(Instant::now() < patience, "waited in vain until {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn lives(pid: Pid) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(')').next().is_some_and(|rest| !rest.is_empty() && !rest.trim_start().starts_with('Z'))
}

#[tokio::test]
async fn signals_end_it_and_its_tasks() {
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let dir = tempfile::tempdir().unwrap();
        let mut local = Local::start(dir.path(), "2.4").await;
        let pid = local.sleep(&dir.path().join("pid")).await;
        assert!(local.end(signal).success());
        assert!(!lives(pid), "the task outlived {signal}");
    }
}

#[tokio::test]
async fn each_framework_has_a_credentials_file_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let mut local = Local::start(dir.path(), "2.4").await;
    for name in ["marathon.json", "openstack.json"] {
        assert_eq!(std::fs::metadata(dir.path().join(name)).unwrap().permissions().mode() & 0o777, 0o600);
    }
    let openstack = mesos_qos::credentials::OpenStackCredentials::read(&dir.path().join("openstack.json")).unwrap();
    let keystone = mesos_qos::openstack::Keystone::new(&openstack.value, &Default::default()).unwrap();
    assert_eq!(keystone.login().await.unwrap().lifetime, Duration::from_secs(3600));
    let file = dir.path().join("marathon.json");
    local.credentials = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let apps = local.request(reqwest::Method::GET, "/v2/apps").send().await.unwrap();
    assert_eq!(apps.json::<Value>().await.unwrap(), json!({"apps": []}));
    local.end(Signal::SIGTERM);
}

#[test]
fn a_port_in_use_is_named_with_its_option() {
    let dir = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let mut command = Command::new(env!("CARGO_BIN_EXE_mesos-qos"));
    command.args(["local", "--chronos-port=0", "--mesos-port=0", "--keystone-port=0", "--monasca-port=0"]);
    command.args(["--marathon-port", &port, "--state-dir"]);
    let output = command.arg(dir.path()).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && stderr.contains(&format!("{port}: choose another marathon-port")), "{stderr}");
}

#[tokio::test]
async fn after_a_sudden_death_jobs_are_there_and_the_task_is_lost() {
    let dir = tempfile::tempdir().unwrap();
    let mut local = Local::start(dir.path(), "2.4").await;
    let pid = local.sleep(&dir.path().join("pid")).await;
    let before = local.job().await;
    local.end(Signal::SIGKILL);
    let mut local = Local::start(dir.path(), "2.4").await;
    eventually("the orphan is gone", async || !lives(pid)).await;
    let after = local.job().await;
    assert_eq!((&after["schedule"], &after["command"]), (&before["schedule"], &before["command"]));
    assert_eq!((&after["errorCount"], &after["successCount"]), (&json!(1), &json!(0)));
    let journal = journal::read(&dir.path().join("journal.jsonl")).unwrap();
    let ends: Vec<&Entry> = journal.iter().filter(|entry| matches!(entry, Entry::End { .. })).collect();
    assert!(matches!(ends[..], [Entry::End { seq: 1, end: TaskEnd::Lost, .. }]), "{ends:?}");
    local.end(Signal::SIGTERM);
}

#[tokio::test]
async fn after_a_sudden_death_apps_are_there_and_run_again() {
    let dir = tempfile::tempdir().unwrap();
    let pid_file = dir.path().join("pid");
    let marathon = |local: &mut Local| {
        local.credentials = serde_json::from_slice(&std::fs::read(dir.path().join("marathon.json")).unwrap()).unwrap();
    };
    let pid = || std::fs::read_to_string(&pid_file).ok().and_then(|text| text.trim().parse().ok()).map(Pid::from_raw);
    let mut local = Local::start(dir.path(), "3.0").await;
    marathon(&mut local);
    let cmd = format!("echo $$ > {0}.new; mv {0}.new {0}; exec sleep 1000", pid_file.display());
    let app = json!({"id": "a", "cmd": cmd, "cpus": 0.5, "backoffSeconds": 3600});
    assert_eq!(local.request(reqwest::Method::POST, "/v2/apps").json(&app).send().await.unwrap().status(), 201);
    eventually("the task runs", async || pid().is_some()).await;
    let first = pid().unwrap();
    local.end(Signal::SIGKILL);
    let file = |name: &str| serde_json::from_slice::<Value>(&std::fs::read(dir.path().join(name)).unwrap()).unwrap();
    let before = [file("marathon.json"), file("openstack.json")];
    let mut local = Local::start(dir.path(), "3.0").await;
    for (before, after) in before.iter().zip([file("marathon.json"), file("openstack.json")]) {
        for key in ["user", "username", "password"] {
            assert_eq!(before.get(key), after.get(key), "whoever knew the cluster knows it still");
        }
    }
    marathon(&mut local);
    eventually("another task runs", async || pid().is_some_and(|pid| pid != first)).await;
    assert!(!lives(first), "the orphan is gone before its successor comes");
    let apps = local.request(reqwest::Method::GET, "/v2/apps").send().await.unwrap().json::<Value>().await.unwrap();
    assert_eq!((&apps["apps"][0]["id"], &apps["apps"][0]["instances"]), (&json!("/a"), &json!(1)));
    let journal = journal::read(&dir.path().join("journal.jsonl")).unwrap();
    let lost = |entry: &&Entry| matches!(entry, Entry::End { seq: 1, end: TaskEnd::Lost, job, .. } if job == "/a");
    assert_eq!(journal.iter().filter(lost).count(), 1, "{journal:?}");
    local.end(Signal::SIGTERM);
    assert!(!lives(pid().unwrap()));
}

#[test]
fn it_says_what_is_wrong_with_its_options() {
    let dir = tempfile::tempdir().unwrap();
    for (option, status, hint) in [
        ("--listen=0.0.0.0", 1, "only a loopback address is allowed"),
        ("--nodes=0", 1, "at least 1 is needed"),
        ("--chronos-version=3.1", 2, "2.4 or 3.0"),
        ("--deployment-delay=30s..20s", 2, "the shortest time comes first"),
        ("--cpus=many", 2, "is no number of CPUs"),
        ("--marathon-version=2.0", 2, "1.1, 1.4 or 1.5"),
        ("--node-env=A", 2, "NAME=VALUE or NODE:NAME=VALUE is wanted"),
        ("--node-env=node9:A=b", 1, "there is no such node; they are node1 to node5"),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_mesos-qos"))
            .args([
                "local",
                "--chronos-port=0",
                "--marathon-port=0",
                "--mesos-port=0",
                "--keystone-port=0",
                "--monasca-port=0",
            ])
            .args([option, "--state-dir"])
            .arg(dir.path())
            .output()
            .unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(status) && stderr.contains(hint), "{option}: {} {stderr}", output.status);
    }
}
