//! Runs wrapped commands in real shells against a small HTTP server that keeps what it gets.
#![allow(dead_code, reason = "each test file uses its own part")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod shells;

pub use shells::shells;

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use serde_json::Value;

/// A request as it arrived.
#[derive(Debug, Clone)]
pub struct Received {
    pub path: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Received {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error} in {:?}", String::from_utf8_lossy(&self.body)))
    }
}

#[derive(Default)]
struct State {
    received: Mutex<Vec<Received>>,
    /// Answers to the next reports of an end; 200 when there are none left.
    answers: Mutex<VecDeque<(u16, &'static str)>>,
    stop: AtomicBool,
}

/// Takes every POST.
pub struct Supervisor {
    state: Arc<State>,
    pub address: SocketAddr,
    thread: Option<JoinHandle<()>>,
}

impl Supervisor {
    pub fn start() -> Self {
        Self::on(TcpListener::bind("127.0.0.1:0").unwrap())
    }

    pub fn on(listener: TcpListener) -> Self {
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State::default());
        let shared = state.clone();
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if shared.stop.load(Ordering::SeqCst) {
                    return;
                }
                let _ = serve(&shared, stream.unwrap());
            }
        });
        Supervisor { state, address, thread: Some(thread) }
    }

    pub fn answer_ends_with(self, answers: &[(u16, &'static str)]) -> Self {
        self.state.answers.lock().unwrap().extend(answers);
        self
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn received(&self) -> Vec<Received> {
        self.state.received.lock().unwrap().clone()
    }

    /// The bodies that came to this route.
    pub fn bodies(&self, route: &str) -> Vec<Value> {
        self.received().iter().filter(|one| one.path.ends_with(route)).map(Received::json).collect()
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        self.state.stop.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn serve(state: &State, mut stream: TcpStream) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 || line.trim_end().is_empty() {
            break;
        }
        if let Some((key, value)) = line.split_once(':') {
            headers.push((key.to_owned(), value.trim().to_owned()));
        }
    }
    let mut received = Received { path, headers, body: Vec::new() };
    let length = received.header("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
    received.body.resize(length, 0);
    reader.read_exact(&mut received.body)?;
    let is_end = received.path.ends_with("/updateTask");
    state.received.lock().unwrap().push(received);
    let scripted = if is_end { state.answers.lock().unwrap().pop_front() } else { None };
    let (status, body) = scripted.unwrap_or((200, r#"{"next":"exit"}"#));
    write!(
        stream,
        "HTTP/1.1 {status} Status\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
}

/// One run of a command in a shell, in a directory of its own.
pub struct Task {
    pub shell: Vec<String>,
    pub directory: tempfile::TempDir,
    pub environment: Vec<(String, String)>,
    pub path: String,
}

/// What a run left behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

pub const UUID: &str = "6f1fce6a-63b6-4c4d-9c0e-0123456789ab";
pub const TOKEN: &str = "t0ken-of-this-job";

impl Task {
    /// A task that reports to `url`.
    pub fn new(shell: &[String], url: &str) -> Self {
        let environment = [("MESOS_QOS_URL", url), ("MESOS_QOS_UUID", UUID), ("MESOS_QOS_TOKEN", TOKEN)];
        Task {
            shell: shell.to_vec(),
            directory: tempfile::tempdir().unwrap(),
            environment: environment.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect(),
            path: std::env::var("PATH").unwrap(),
        }
    }

    pub fn env(mut self, key: &str, value: &str) -> Self {
        self.environment.push((key.into(), value.into()));
        self
    }

    /// Puts an executable script in front of the programs of that name.
    pub fn with_program(mut self, name: &str, script: &str) -> Self {
        let bin = self.directory.path().join(".bin");
        std::fs::create_dir_all(&bin).unwrap();
        write_program(&bin.join(name), script);
        if !self.path.starts_with(bin.to_str().unwrap()) {
            self.path = format!("{}:{}", bin.display(), self.path);
        }
        self
    }

    pub fn command(&self, text: &str) -> Command {
        // `env` finds the shell in the test's own PATH, whatever PATH the task has.
        let program = which(&self.shell[0]);
        let mut command = Command::new(program);
        command.args(&self.shell[1..]).arg("-c").arg(text);
        command.env_clear().env("PATH", &self.path).envs(self.environment.iter().cloned());
        command.current_dir(self.directory.path());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    pub fn run(&self, text: &str) -> Outcome {
        let output = self.command(text).output().unwrap();
        Outcome {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// The files that the run made.
    pub fn files(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.directory.path()).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned());
        names.filter(|name| name != ".bin").collect()
    }
}

pub fn which(program: &str) -> PathBuf {
    std::env::split_paths(&std::env::var_os("PATH").unwrap())
        .map(|dir| dir.join(program))
        .find(|path| path.is_file())
        .unwrap_or_else(|| panic!("{program} is needed by this test"))
}

fn write_program(path: &Path, script: &str) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::write(path, script).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}
