//! A real supervisor, and a cluster for it where a test needs one, as programs.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(60);

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
        let (dir, credentials) = without_chronos();
        std::fs::create_dir(dir.path().join("data")).unwrap();
        let log = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/schema-2-chronos.db");
        std::fs::copy(log, dir.path().join("data/events.db")).unwrap();
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

    /// Posts as the operator.
    pub async fn post(&self, path: &str, body: Value) -> Value {
        let asked = self.client.post(format!("{}{path}", self.url)).bearer_auth(&self.token).json(&body);
        let answer = asked.send().await.unwrap();
        let (status, body) = (answer.status(), answer.json().await.unwrap());
        assert_eq!(status, 200, "{path}: {body}");
        body
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
    let child = Command::new(env!("CARGO_BIN_EXE_mesos-qos"))
        .args(["supervisor", "-i", "127.0.0.1", "-p", &port.to_string(), "-c"])
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
        let late = number % 10 == 0;
        let name = format!("batch-{number:05}");
        let mut view = like.clone();
        view["uuid"] = uuid.to_string().into();
        view["name"] = name.clone().into();
        view["state"] = if number % 7 == 0 { "failed" } else { "completed" }.into();
        view["on_time"] = (!late).into();
        view["remaining"] = 0.into();
        view["finished_at"] = view["deadline_at"].clone();
        let state = view["state"].as_str().unwrap().to_owned();
        let sql = "INSERT INTO jobs (uuid, framework, name, state, active, registered_at, finished_at, version, view) \
                   VALUES (?, 'chronos', ?, ?, 0, ?, 0, 1, ?)";
        all.execute(sql, (uuid.as_bytes().as_slice(), name, state, i64::from(number), view.to_string())).unwrap();
    }
    all.commit().unwrap();
}
