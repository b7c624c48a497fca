use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::process::{Child, Command};
use tokio::sync::Mutex;

/// A supervisor as a process of its own.
pub struct Supervisor {
    port: u16,
    data: PathBuf,
    /// The framework's flag, and its credentials.
    credentials: (&'static str, PathBuf),
    log: PathBuf,
    child: Mutex<Child>,
}

pub fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

impl Supervisor {
    pub async fn start(port: u16, data: PathBuf, credentials: (&'static str, PathBuf), log: PathBuf) -> Arc<Self> {
        let child = Mutex::new(spawn(port, &data, &credentials, &log));
        let supervisor = Arc::new(Supervisor { port, data, credentials, log, child });
        supervisor.wait_until_ready().await;
        supervisor
    }

    /// SIGKILL, and a new process on the same log at once.
    pub async fn kill_and_restart(&self) {
        let mut child = self.child.lock().await;
        child.kill().await.unwrap();
        *child = spawn(self.port, &self.data, &self.credentials, &self.log);
        drop(child);
        self.wait_until_ready().await;
    }

    /// As an operator stops it.
    pub async fn stop(&self) {
        let mut child = self.child.lock().await;
        kill(Pid::from_raw(child.id().unwrap() as i32), Signal::SIGTERM).unwrap();
        let status = tokio::time::timeout(Duration::from_secs(60), child.wait()).await.unwrap().unwrap();
        assert_eq!(status.code(), Some(0), "a graceful stop exits with 0");
    }

    async fn wait_until_ready(&self) {
        let began = Instant::now();
        while tokio::net::TcpStream::connect(("127.0.0.1", self.port)).await.is_err() {
            let log = std::fs::read_to_string(&self.log).unwrap_or_default();
            assert!(began.elapsed() < Duration::from_secs(60), "the supervisor does not come up:\n{log}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

fn spawn(
    port: u16,
    data: &std::path::Path,
    (flag, credentials): &(&'static str, PathBuf),
    log: &std::path::Path,
) -> Child {
    let log = std::fs::OpenOptions::new().create(true).append(true).open(log).unwrap();
    Command::new(env!("CARGO_BIN_EXE_mesos-qos"))
        .arg("supervisor")
        .args(["-i", "127.0.0.1", "-p", &port.to_string()])
        .arg(flag)
        .arg(credentials)
        .arg("--data-dir")
        .arg(data)
        .env("MESOS_QOS_SUPERVISOR_LOG_DIRECTORY", data.with_file_name("logs"))
        .env("MESOS_QOS_CHRONOS_POLL_INTERVAL", "0.1")
        .env("MESOS_QOS_CHRONOS_JUDGE_INTERVAL", "0.6")
        .env("MESOS_QOS_CHRONOS_REQUEST_TIMEOUT", "3")
        .env("MESOS_QOS_MARATHON_POLL_INTERVAL", "0.1")
        .env("MESOS_QOS_MARATHON_WATCH_INTERVAL", "0.2")
        .env("MESOS_QOS_MARATHON_REQUEST_TIMEOUT", "3")
        .env("MESOS_QOS_ELASTICITY_POLICY", "step")
        .env("MESOS_QOS_ELASTICITY_DEPLOYMENT_TIME", "0.2")
        .env("MESOS_QOS_ELASTICITY_MONITORING_PERIOD", "1")
        .env("MESOS_QOS_ELASTICITY_CPU_MAX_SLAVE", "2")
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}
