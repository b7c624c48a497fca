//! A real supervisor, and a cluster for it where a test needs one, as programs.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(60);

/// The credentials of Marathon, where there is one.
const MARATHON: &str = "marathon.json";

/// A program that ends with its test.
struct Running(Child);

impl Running {
    fn stop(&mut self) {
        kill(Pid::from_raw(self.0.id().cast_signed()), Signal::SIGTERM).unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A supervisor, with a cluster if it has one.
pub struct World {
    pub url: String,
    pub token: String,
    pub dir: tempfile::TempDir,
    port: u16,
    credentials: PathBuf,
    supervisor: Running,
    _cluster: Option<Running>,
    client: reqwest::Client,
}

impl World {
    /// With a Chronos that does not answer.
    pub async fn alone() -> Self {
        let (dir, credentials) = without_chronos();
        Self::start(dir, credentials, None).await
    }

    /// The same, on a log that holds six running jobs of the published case I.
    pub async fn case_one() -> Self {
        Self::with_log("schema-2-chronos.db").await
    }

    /// The same, on one of the golden logs.
    pub async fn with_log(name: &str) -> Self {
        let (dir, credentials) = without_chronos();
        std::fs::create_dir(dir.path().join("data")).unwrap();
        let log = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
        std::fs::copy(log, dir.path().join("data/events.db")).unwrap();
        Self::start(dir, credentials, None).await
    }

    /// With a Marathon that does not answer, either. Jobs there are resized in place, and looked at every second.
    pub async fn for_long_running() -> Self {
        let (dir, credentials) = without_chronos();
        let url = format!("http://127.0.0.1:{}", free_port());
        write_private(&dir.path().join(MARATHON), &json!({"url": url, "user": "u", "password": "p"}));
        Self::start(dir, credentials, None).await
    }

    /// With a cluster of one machine.
    pub async fn with_cluster() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let cluster = Command::new(env!("CARGO_BIN_EXE_mesos-qos"))
            .args(["local", "--chronos-port", "0", "--marathon-port", "0", "--mesos-port", "0", "--keystone-port", "0"])
            .args(["--monasca-port", "0", "--offer-interval", "100ms", "--executor", "process", "--credentials-dir"])
            .arg(dir.path().join("credentials"))
            .arg("--state-dir")
            .arg(dir.path().join("state"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(dir.path().join("cluster.log")).unwrap())
            .spawn()
            .unwrap();
        let mut cluster = Running(cluster);
        let credentials = dir.path().join("credentials/chronos.json");
        let began = Instant::now();
        while !credentials.exists() {
            let said = || std::fs::read_to_string(dir.path().join("cluster.log")).unwrap_or_default();
            assert!(cluster.0.try_wait().unwrap().is_none() && began.elapsed() < PATIENCE, "no cluster: {}", said());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Self::start(dir, credentials, Some(cluster)).await
    }

    async fn start(dir: tempfile::TempDir, credentials: PathBuf, cluster: Option<Running>) -> Self {
        let port = free_port();
        let supervisor = spawn(dir.path(), port, &credentials);
        let client = reqwest::Client::builder().timeout(PATIENCE).no_proxy().build().unwrap();
        let url = format!("http://127.0.0.1:{port}");
        let mut world =
            World { url, token: String::new(), dir, port, credentials, supervisor, _cluster: cluster, client };
        world.wait_until_ready().await;
        world.token = std::fs::read_to_string(world.token_file()).unwrap().trim().to_owned();
        world
    }

    pub fn token_file(&self) -> PathBuf {
        self.data().join("operator.token")
    }

    pub fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    /// Ends the supervisor as an operator does.
    pub fn stop(&mut self) {
        self.supervisor.stop();
    }

    /// Starts it anew on the same address and log.
    pub async fn start_again(&mut self) {
        self.supervisor = spawn(self.dir.path(), self.port, &self.credentials);
        self.wait_until_ready().await;
    }

    async fn wait_until_ready(&mut self) {
        let began = Instant::now();
        while self.client.get(format!("{}/healthz", self.url)).send().await.is_err() {
            let said = || std::fs::read_to_string(self.dir.path().join("supervisor.log")).unwrap_or_default();
            assert!(self.supervisor.0.try_wait().unwrap().is_none(), "the supervisor has ended: {}", said());
            assert!(began.elapsed() < PATIENCE, "the supervisor does not come up: {}", said());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Asks as the operator.
    pub async fn get(&self, path: &str) -> Value {
        let answer = self.client.get(format!("{}{path}", self.url)).bearer_auth(&self.token).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        answer.json().await.unwrap()
    }

    /// The status of the list for whoever has this cookie.
    pub async fn status_with_cookie(&self, cookie: &str) -> u16 {
        let asked = self.client.get(format!("{}/api/v1/jobs", self.url)).header("cookie", cookie);
        asked.send().await.unwrap().status().as_u16()
    }

    /// Ends the session of this cookie.
    pub async fn log_out(&self, cookie: &str) {
        let asked = self.client.delete(format!("{}/api/v1/session", self.url)).header("cookie", cookie);
        assert_eq!(asked.send().await.unwrap().status(), 204);
    }

    /// Posts as the operator.
    pub async fn post(&self, path: &str, body: Value) -> Value {
        let asked = self.client.post(format!("{}{path}", self.url)).bearer_auth(&self.token).json(&body);
        let answer = asked.send().await.unwrap();
        let (status, body) = (answer.status(), answer.json().await.unwrap());
        assert_eq!(status, 200, "{path}: {body}");
        body
    }

    /// Ends a job as an operator does.
    pub async fn cancel(&self, uuid: &str) {
        let asked = self.client.delete(format!("{}/api/v1/jobs/{uuid}", self.url)).bearer_auth(&self.token);
        assert_eq!(asked.send().await.unwrap().status(), 202);
    }

    /// Registers a batch job of four iterations of 400 s, and returns its uuid.
    pub async fn register(&self, name: &str) -> String {
        let uuid = uuid::Uuid::new_v4().to_string();
        let body = json!({"uuid": uuid, "name": name, "framework": "chronos", "job_duration": 400, "deadline": 1800,
            "desv_deadline": 0.2, "iterations": 4, "cpus": 1.0, "arguments_version": 1});
        self.post("/initTask", body).await;
        uuid
    }

    /// Launches a job as its user does.
    pub async fn launch(&self, job: &Value) {
        let file = self.dir.path().join("job.json");
        std::fs::write(&file, job.to_string()).unwrap();
        let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_mesos-qos"));
        command.arg("launch").arg("-j").arg(file).arg("-c").arg(&self.credentials).args([
            "-i",
            &self.url,
            "--token-file",
        ]);
        let output = command.arg(self.token_file()).output().await.unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

/// A directory with the credentials of a Chronos that does not answer.
fn without_chronos() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let credentials = dir.path().join("chronos.json");
    let url = format!("http://127.0.0.1:{}", free_port());
    write_private(&credentials, &json!({"url": url, "user": "u", "password": "p"}));
    (dir, credentials)
}

fn spawn(dir: &Path, port: u16, credentials: &Path) -> Running {
    let log = std::fs::OpenOptions::new().create(true).append(true).open(dir.join("supervisor.log")).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_mesos-qos"));
    let marathon = dir.join(MARATHON);
    if marathon.exists() {
        command.arg("supervisor").arg("-m").arg(marathon);
    } else {
        command.arg("supervisor");
    }
    let child = command
        .args(["-i", "127.0.0.1", "-p", &port.to_string(), "-c"])
        .arg(credentials)
        .arg("--data-dir")
        .arg(dir.join("data"))
        .env("MESOS_QOS_SUPERVISOR_LOG_DIRECTORY", dir.join("logs"))
        .env("MESOS_QOS_CHRONOS_POLL_INTERVAL", "0.1")
        .env("MESOS_QOS_CHRONOS_JUDGE_INTERVAL", "0.6")
        // Steps of a known size, and no decision before the first iteration.
        .env("MESOS_QOS_ELASTICITY_POLICY", "step")
        .env("MESOS_QOS_ELASTICITY_DEPLOYMENT_TIME", "0.2")
        .env("MESOS_QOS_ELASTICITY_CPU_MAX_SLAVE", "2")
        .env("MESOS_QOS_ELASTICITY_MONITORING_PERIOD", "1")
        .env("MESOS_QOS_ELASTICITY_RESCALE", "in-place")
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn()
        .unwrap();
    Running(child)
}

fn write_private(path: &Path, content: &Value) {
    use std::os::unix::fs::OpenOptionsExt;
    let file = std::fs::OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(path).unwrap();
    serde_json::to_writer(file, content).unwrap();
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Puts so many finished jobs into the log of a supervisor that does not run: the rows that lists are made of.
pub fn many_jobs(data: &Path, count: u32, like: &Value) {
    let mut database = rusqlite::Connection::open(data.join("events.db")).unwrap();
    let all = database.transaction().unwrap();
    for number in 0..count {
        let uuid = uuid::Uuid::from_u128(0x5eed_0000_0000_4000_8000_0000_0000_0000 + u128::from(number));
        // Seconds; all different, and in another order than the registrations.
        let margin = i64::from(number * 13 % count) - i64::from(count / 10);
        let name = format!("batch-{number:05}");
        let mut view = like.clone();
        view["uuid"] = uuid.to_string().into();
        view["name"] = name.clone().into();
        view["state"] = if number % 7 == 0 { "failed" } else { "completed" }.into();
        view["remaining"] = 0.into();
        if view["state"] == "completed" {
            view["finished_at"] = view["deadline_at"].clone();
            view["margin_seconds"] = margin.into();
            view["on_time"] = (margin >= 0).into();
        }
        let state = view["state"].as_str().unwrap().to_owned();
        let sql = "INSERT INTO jobs (uuid, framework, name, state, active, registered_at, finished_at, version, view) \
                   VALUES (?, 'chronos', ?, ?, 0, ?, 0, 1, ?)";
        all.execute(sql, (uuid.as_bytes().as_slice(), name, state, i64::from(number), view.to_string())).unwrap();
    }
    all.commit().unwrap();
}

/// Gives a job so many events that a supervisor which does not run will find; returns how many of them are decisions.
pub fn long_history(data: &Path, uuid: &str, like: &Value, events: i64) -> i64 {
    const PERIOD: i64 = 1_000_000;
    let job = uuid::Uuid::parse_str(uuid).unwrap();
    let mut database = rusqlite::Connection::open(data.join("events.db")).unwrap();
    let all = database.transaction().unwrap();
    let first = "SELECT at, data FROM events WHERE stream = ? AND version = 1";
    let (at, registered): (i64, String) =
        all.query_row(first, [job.as_bytes().as_slice()], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    let registered: Value = serde_json::from_str(&registered).unwrap();
    let seq: i64 = all.query_row("SELECT max(seq) FROM events", [], |row| row.get(0)).unwrap();
    let (mut decisions, mut cpus) = (0, 1000);
    for version in 2..=events {
        let (iteration, at) = (version / 2, at + version * PERIOD);
        let (kind, data) = if version % 2 == 0 {
            let run = json!({"run": {"run": format!("task-{iteration}"), "index": 0}});
            let finished = json!({"iteration": iteration, "key": run, "hostname": "node1", "started_at": at - PERIOD, "finished_at": at,
                "reported_finished_at": at, "received_at": at, "duration": PERIOD + version % 7 * 50_000, "exit_code": 0, "outcome": "counted",
                "clock_skew": false});
            ("IterationFinished", finished)
        } else {
            decisions += 1;
            let to = if version % 1001 == 0 { 2500 - cpus } else { cpus };
            let decided = json!({"inputs": {"event": version - 1, "at": at, "remaining": 10}, "policy": registered["policy"], "fold": 2,
                "prediction": at + 60 * PERIOD, "bounds": {"lower": at, "upper": at + 90 * PERIOD}, "performance": "ON_PLAN",
                "from": cpus, "to": to, "reason": "for the test"});
            cpus = to;
            ("Decided", decided)
        };
        let sql = "INSERT INTO events (seq, stream, version, kind, schema, at, data, hash) VALUES (?, ?, ?, ?, 1, ?, ?, randomblob(32))";
        let place = (seq + version - 1, job.as_bytes().as_slice(), version);
        all.execute(sql, (place.0, place.1, place.2, kind, at, data.to_string())).unwrap();
    }
    let mut view = like.clone();
    view["state"] = "cancelled".into();
    view["reason"] = "by the test".into();
    view["version"] = events.into();
    view["iterations"] = (events / 2).into();
    // One that is over is not replayed at the start.
    let sql = "UPDATE jobs SET active = 0, state = 'cancelled', version = ?, view = ? WHERE uuid = ?";
    all.execute(sql, (events, view.to_string(), job.as_bytes().as_slice())).unwrap();
    all.execute("DELETE FROM outbox", []).unwrap();
    all.commit().unwrap();
    decisions
}
