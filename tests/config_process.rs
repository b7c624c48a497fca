//! The supervisor as a process: settings, log files, signals, exit codes.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

fn supervisor(dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mesos-qos"));
    command.args(["supervisor", "--rest-ip", "127.0.0.1", "--rest-port", "0", "--data-dir", "data"]);
    command.current_dir(dir).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.env_remove("MESOS_QOS_LOG").env_remove("RUST_LOG");
    command
}

/// A supervisor that listens; killed when the test ends early.
struct Running {
    child: Child,
    address: String,
}

impl Running {
    fn start(mut command: Command) -> Self {
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening on http://").unwrap_or_default().to_owned();
        let mut running = Running { child, address };
        assert!(!running.address.is_empty(), "{line:?} {}", running.errors());
        running
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id().try_into().unwrap()), signal).unwrap();
    }

    /// The exit code, or none when it does not end within ten seconds.
    fn ended(&mut self) -> Option<i32> {
        let patience = Instant::now() + Duration::from_secs(10);
        while Instant::now() < patience {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        None
    }

    fn errors(&mut self) -> String {
        let _ = self.child.kill();
        let mut text = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut text).unwrap();
        text
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn log_file(dir: &Path) -> (String, String) {
    let mut files = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let file = files.next().unwrap();
    assert!(files.next().is_none());
    (file.file_name().unwrap().to_str().unwrap().to_owned(), fs::read_to_string(file).unwrap())
}

#[test]
fn it_logs_to_a_file_a_day_and_stops_in_order_on_term() {
    let dir = tempfile::tempdir().unwrap();
    let mut running = Running::start(supervisor(dir.path()));
    let mut stream = TcpStream::connect(&running.address).unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.ends_with("Welcome"), "{answer}");

    running.signal(Signal::SIGTERM);
    assert_eq!(running.ended(), Some(0));
    let (name, logged) = log_file(&dir.path().join("data/log"));
    assert!(
        name.starts_with("mesos-qos.") && name.ends_with(".log") && name.len() == "mesos-qos.2026-01-31.log".len(),
        "{name}"
    );
    let token = fs::read_to_string(dir.path().join("data/operator.token")).unwrap();
    let errors = running.errors();
    for text in [&logged, &errors] {
        assert!(text.contains("operator.token") && text.contains("SIGTERM") && text.contains("stopped"), "{text}");
        assert!(!text.contains(token.trim()) && !text.contains('\u{1b}'), "{text}");
    }
    for private in ["data", "data/log"] {
        assert_eq!(fs::metadata(dir.path().join(private)).unwrap().permissions().mode() & 0o777, 0o700, "{private}");
    }
}

#[test]
fn json_lines_go_where_the_file_says() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(
        dir.path().join("mesos-qos.toml"),
        "[supervisor]\nlog_directory = \"elsewhere\"\nlog_format = \"json\"\n",
    )
    .unwrap();
    let mut running = Running::start(supervisor(dir.path()));
    running.signal(Signal::SIGINT);
    assert_eq!(running.ended(), Some(0));
    let (_, logged) = log_file(&dir.path().join("elsewhere"));
    for line in logged.lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(line["timestamp"].is_string() && line["level"].is_string() && line["message"].is_string(), "{line}");
    }
    assert!(logged.lines().count() >= 3, "{logged}");
}

#[test]
fn a_second_signal_ends_at_once() {
    let dir = tempfile::tempdir().unwrap();
    for (second, code) in [(Signal::SIGINT, 130), (Signal::SIGTERM, 143)] {
        let mut running = Running::start(supervisor(dir.path()));
        // A request under way, for which an orderly stop waits.
        let mut stream = TcpStream::connect(&running.address).unwrap();
        let token = fs::read_to_string(dir.path().join("data/operator.token")).unwrap();
        write!(stream, "POST /initTask HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n", token.trim()).unwrap();
        stream
            .write_all(b"content-type: application/json\r\ncontent-length: 9\r\nexpect: 100-continue\r\n\r\n")
            .unwrap();
        let mut told = [0; 12];
        stream.read_exact(&mut told).unwrap();
        assert_eq!(&told, b"HTTP/1.1 100");
        running.signal(Signal::SIGTERM);
        std::thread::sleep(Duration::from_millis(300));
        assert!(running.child.try_wait().unwrap().is_none());
        running.signal(second);
        assert_eq!(running.ended(), Some(code));
    }
}

fn fails(mut command: Command) -> (i32, String) {
    let Output { status, stdout, stderr } = command.output().unwrap();
    assert!(stdout.is_empty());
    (status.code().unwrap(), String::from_utf8(stderr).unwrap())
}

#[test]
fn settings_that_cannot_hold_are_wrong_usage() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = supervisor(dir.path());
    command.args(["--auth", "none"]);
    let (code, errors) = fails(command);
    assert_eq!(
        (code, errors.as_str()),
        (2, "error: auth.mode = \"none\" (flag --auth): expected one of \"required\", \"legacy-callbacks\", \"off\"\n")
    );
    let mut command = supervisor(dir.path());
    command.env("MESOS_QOS_ELASTICITY_CPU_MAX", "2");
    let (code, errors) = fails(command);
    assert!(code == 2 && errors.contains("did you mean MESOS_QOS_ELASTICITY_CPU_MAX_SLAVE?"), "{errors}");
    let mut command = supervisor(dir.path());
    command.args(["--config", "missing.toml"]);
    assert!(fails(command).1.contains("cannot read the configuration file missing.toml"));
    assert!(!dir.path().join("data").exists());
}

#[test]
fn what_cannot_be_used_is_named() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("file"), "").unwrap();
    let mut command = supervisor(dir.path());
    command.args(["--log-directory", "file/log"]);
    let (code, errors) = fails(command);
    assert!(code == 1 && errors.contains("cannot make the log directory file/log"), "{errors}");
    assert!(errors.contains("supervisor.log_directory"), "{errors}");

    let mut command = supervisor(dir.path());
    command.env("MESOS_QOS_LOG", "mesos_qos=loud");
    assert!(fails(command).1.contains("MESOS_QOS_LOG=\"mesos_qos=loud\" is no log filter"));

    let first = Running::start(supervisor(dir.path()));
    let (code, errors) = fails(supervisor(dir.path()));
    let told: Vec<_> = errors.lines().filter(|line| line.contains("is in use by process")).collect();
    assert!(code == 1 && told.len() == 1 && told[0].starts_with("error: "), "told once: {errors}");
    // The file is for whoever asks later.
    let (_, logged) = log_file(&dir.path().join("data/log"));
    assert!(logged.contains(told[0].trim_start_matches("error: ")), "{logged}");
    drop(first);
}

#[test]
fn only_so_many_log_files_are_kept() {
    let dir = tempfile::tempdir().unwrap();
    let logs = dir.path().join("data/log");
    fs::create_dir_all(&logs).unwrap();
    fs::set_permissions(dir.path().join("data"), fs::Permissions::from_mode(0o700)).unwrap();
    let old: Vec<_> = (1..=28).map(|day| logs.join(format!("mesos-qos.2020-02-{day:02}.log"))).collect();
    for file in &old {
        fs::write(file, "").unwrap();
        // The oldest are told by when they were made, and a file system's clock may tick a hundred times a second only.
        std::thread::sleep(Duration::from_millis(25));
    }
    fs::write(logs.join("notes.txt"), "").unwrap();
    let mut command = supervisor(dir.path());
    command.env("MESOS_QOS_SUPERVISOR_LOG_FILES", "4");
    let mut running = Running::start(command);
    running.signal(Signal::SIGTERM);
    assert_eq!(running.ended(), Some(0));
    let left: Vec<_> = old.iter().filter(|file| file.exists()).collect();
    assert_eq!(left, [&old[25], &old[26], &old[27]], "and today's");
    // Three, today's and the notes.
    assert_eq!(fs::read_dir(&logs).unwrap().count(), 5);
}

#[test]
fn the_settings_in_force_can_be_printed_and_read_back() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = supervisor(dir.path());
    command.args(["--print-config", "--auth", "legacy-callbacks"]).env("MESOS_QOS_ELASTICITY_CPU_INCREMENT", "0.25");
    let printed = String::from_utf8(command.output().unwrap().stdout).unwrap();
    assert!(printed.contains("cpu_increment = 0.25") && printed.contains("mode = \"legacy-callbacks\""), "{printed}");
    fs::write(dir.path().join("mesos-qos.toml"), &printed).unwrap();
    let mut again = supervisor(dir.path());
    assert_eq!(String::from_utf8(again.arg("--print-config").output().unwrap().stdout).unwrap(), printed);
    assert!(!dir.path().join("data").exists());
}
