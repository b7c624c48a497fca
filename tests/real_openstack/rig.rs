use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use mesos_qos::clients::transport::TransportOptions;
use mesos_qos::credentials::OpenStackCredentials;
use mesos_qos::openstack::Keystone;
use reqwest::header::HeaderValue;
use serde_json::{Value, json};
use tokio::sync::{OnceCell, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// The real Keystone and Monasca, which all tests of this program share.
pub struct Rig {
    pub keystone: String,
    /// The same Keystone, whose tokens live for [`SHORT_LIFE`] seconds when they are asked for here.
    pub keystone_short: String,
    pub monasca: String,
    pub influxdb: String,
    pipes: Mutex<Pipes>,
    disturbed: RwLock<()>,
    short: OnceCell<()>,
    token: OnceCell<HeaderValue>,
    warm: OnceCell<()>,
}

/// On a busy machine the real ones take their time, which is not what is tested.
pub fn patient() -> TransportOptions {
    let request_timeout = Duration::from_secs(60);
    TransportOptions { request_timeout, ..TransportOptions::default() }
}

/// As in the rig's programs.
pub const SHORT_LIFE: u64 = 15;

/// Ends when this program does, because its standard input ends then.
struct Pipes {
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    process: Child,
    log: std::path::PathBuf,
}

impl Pipes {
    fn read(&mut self) -> Value {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        if line.is_empty() {
            let status = self.process.wait().unwrap();
            panic!("no real OpenStack: {status}\n{}", std::fs::read_to_string(&self.log).unwrap_or_default());
        }
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"))
    }
}

/// Starts it when nobody has yet.
pub fn rig() -> &'static Rig {
    static RIG: OnceLock<Rig> = OnceLock::new();
    RIG.get_or_init(|| {
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/openstack/rig.py");
        let log = Path::new(env!("CARGO_TARGET_TMPDIR")).join("openstack-rig.log");
        let mut process = Command::new("python3")
            .arg("-B")
            .arg(program)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(std::fs::File::create(&log).unwrap())
            .spawn()
            .unwrap_or_else(|error| panic!("python3 is needed: {error}"));
        let (input, output) = (process.stdin.take().unwrap(), BufReader::new(process.stdout.take().unwrap()));
        let mut pipes = Pipes { input, output, process, log };
        let addresses = pipes.read();
        let address = |name: &str| addresses[name].as_str().unwrap().to_owned();
        Rig {
            keystone: address("keystone"),
            keystone_short: address("keystone_short"),
            monasca: address("monasca"),
            influxdb: address("influxdb"),
            pipes: Mutex::new(pipes),
            disturbed: RwLock::new(()),
            short: OnceCell::new(),
            token: OnceCell::new(),
            warm: OnceCell::new(),
        }
    })
}

impl Rig {
    fn pipes(&self) -> MutexGuard<'_, Pipes> {
        // A test that failed here has read its answer, or the rig is gone.
        self.pipes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives a command, such as `pause influxdb`, and waits until it is done.
    pub async fn tell(&'static self, command: &'static str) {
        let told = actix_rt::task::spawn_blocking(move || {
            let mut pipes = self.pipes();
            writeln!(pipes.input, "{command}").unwrap();
            let answer = pipes.read();
            assert_eq!(answer["done"], command, "{answer}");
        });
        told.await.unwrap();
    }

    /// Starts the Keystone whose tokens end soon, when nobody has yet.
    pub async fn keystone_short(&'static self) {
        self.short.get_or_init(|| self.tell("start keystone-short")).await;
    }

    /// While this is held nobody stops or pauses anything.
    pub async fn shared(&self) -> RwLockReadGuard<'_, ()> {
        let calm = self.disturbed.read().await;
        self.warm().await;
        calm
    }

    /// While this is held no other test uses the rig: something will be stopped or paused.
    pub async fn alone(&self) -> RwLockWriteGuard<'_, ()> {
        let mine = self.disturbed.write().await;
        self.warm().await;
        mine
    }

    /// The first request takes long: components load what they need, and look each other up.
    async fn warm(&self) {
        let began = Instant::now();
        let answers = async || {
            while let Err(problem) = self.try_get("alarm-definitions").await {
                assert!(began.elapsed() < Duration::from_secs(120), "monasca-api does not answer: {problem}");
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        };
        self.warm.get_or_init(answers).await;
    }

    /// Of this account of the project.
    pub fn credentials(&self, username: &str, password: &str) -> OpenStackCredentials {
        OpenStackCredentials {
            keystone_url: self.keystone.parse().unwrap(),
            monasca_url: self.monasca.parse().unwrap(),
            username: username.to_owned(),
            password: password.into(),
            project_name: "myproject".to_owned(),
        }
    }

    /// Of the account that may send and read.
    pub fn user(&self) -> OpenStackCredentials {
        self.credentials("user_monasca", "123456")
    }

    /// Writes a credentials file of this account into `dir`.
    pub fn credentials_file(&self, dir: &Path, username: &str, password: &str) -> PathBuf {
        self.credentials_file_by(dir, (&self.keystone, &self.monasca), username, password)
    }

    /// The same, by other ways to Keystone and Monasca.
    pub fn credentials_file_by(&self, dir: &Path, by: (&str, &str), username: &str, password: &str) -> PathBuf {
        let file = dir.join(format!("{username}.json"));
        let content = json!({"keystone_url": by.0, "monasca_client_url": by.1, "username": username,
            "password": password, "project_name": "myproject"});
        std::fs::write(&file, content.to_string()).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
        file
    }

    /// What monasca-api answers to this path below `/v2.0`, asked for as anybody would.
    pub async fn get(&self, path: &str) -> Value {
        self.try_get(path).await.unwrap_or_else(|problem| panic!("{path}: {problem}"))
    }

    async fn try_get(&self, path: &str) -> Result<Value, String> {
        let login = async || {
            let login = Keystone::new(&self.user(), &patient()).unwrap().login().await;
            login.map(|login| login.token).map_err(|error| error.to_string())
        };
        let token = self.token.get_or_try_init(login).await?;
        let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(30)).build().unwrap();
        let request = client.get(format!("{}/v2.0/{path}", self.monasca)).header("X-Auth-Token", token);
        let answer = request.send().await.map_err(|error| error.to_string())?;
        let status = answer.status();
        let body = answer.text().await.map_err(|error| error.to_string())?;
        if status != 200 {
            return Err(format!("{status} {body}"));
        }
        serde_json::from_str(&body).map_err(|error| error.to_string())
    }
}
