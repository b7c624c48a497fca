//! The agent, started as Marathon would.

use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

use super::node::{AGENT, IMAGE};
use super::{Bench, Node, Supervisor, eventually};

/// A job and how its tasks are started.
pub struct Job<'a> {
    pub bench: &'a Bench,
    pub supervisor: &'a Supervisor,
    pub uuid: String,
    pub spec: Value,
    pub env: Vec<(String, String)>,
}

/// A running agent. Killed when dropped.
pub struct Task {
    child: Child,
    log: PathBuf,
}

impl<'a> Job<'a> {
    /// The workload with so many steps of so many loops.
    pub fn new(
        bench: &'a Bench,
        supervisor: &'a Supervisor,
        steps: u64,
        loops: u64,
        exit_code: i32,
        megabytes: u64,
    ) -> Self {
        let args = [
            "/steps-program".to_owned(),
            steps.to_string(),
            loops.to_string(),
            exit_code.to_string(),
            megabytes.to_string(),
        ];
        let spec = json!({"version": 1, "image": IMAGE, "args": args, "network": "none",
            "volumes": [{"host": bench.base.join("progress"), "container": "/progress", "mode": "RW"}]});
        Job { bench, supervisor, uuid: uuid::Uuid::new_v4().to_string(), spec, env: Vec::new() }
    }

    pub fn hex(&self) -> String {
        self.uuid.replace('-', "")
    }

    pub fn directory(&self) -> PathBuf {
        self.bench.seen_shared().join(self.hex())
    }

    /// Numbers of the published generations.
    pub fn generations(&self) -> Vec<u64> {
        shell_trap::checkpoint::generations::numbers(&self.directory()).unwrap_or_default()
    }

    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.into(), value.into()));
        self
    }

    pub fn command(&self, node: &Node, cpus: f64) -> Command {
        let mut command = self.bench.command(AGENT);
        let path = format!("{}:{}", self.bench.criu.display(), std::env::var("PATH").unwrap_or_default());
        command.env("PATH", path).env("SHELL_TRAP_UUID", &self.uuid).env("SHELL_TRAP_SPEC", self.spec.to_string());
        command.env("SHELL_TRAP_SUPERVISOR", self.supervisor.url()).env("SHELL_TRAP_TOKEN", "job-token");
        command.env("SHELL_TRAP_CHECKPOINT_DIR", self.bench.shared()).env("SHELL_TRAP_GRACE_SECONDS", "60");
        command.env("SHELL_TRAP_DOCKER_SOCKET", node.socket()).env("SHELL_TRAP_RUN_DIR", node.directory.join("run"));
        command.env("SHELL_TRAP_SAMPLE_SECONDS", "0.2").env("MARATHON_APP_RESOURCE_CPUS", cpus.to_string());
        command.env("SHELL_TRAP_LEASE_SECONDS", "10").env("SHELL_TRAP_LEASE_GRACE_SECONDS", "1");
        command.envs(self.env.iter().map(|(k, v)| (k, v)));
        command
    }

    /// Starts a task on the node.
    pub fn start(&self, node: &Node, cpus: f64) -> Task {
        self.spawn(self.command(node, cpus))
    }

    /// Starts a task by this command.
    pub fn spawn(&self, mut command: Command) -> Task {
        let log = self.bench.base.join(format!("task-{}.log", uuid::Uuid::new_v4().simple()));
        let file = File::create(&log).unwrap();
        command.stdout(file.try_clone().unwrap()).stderr(file);
        Task { child: command.spawn().unwrap(), log }
    }

    /// The published call of the same job: seven arguments or more, and of the environment only what describes the node.
    pub fn published(&self, node: &Node, cpus: f64, options: &str, command_line: &str) -> Command {
        let mut command = self.command(node, cpus);
        for name in ["SHELL_TRAP_UUID", "SHELL_TRAP_SPEC", "SHELL_TRAP_SUPERVISOR", "SHELL_TRAP_CHECKPOINT_DIR"] {
            command.env_remove(name);
        }
        let url = |path: &str| format!("{}/{path}", self.supervisor.url());
        command
            .arg(self.hex())
            .arg(self.bench.shared())
            .arg(IMAGE)
            .args([url("initMarathonApp"), url("endMarathonApp")]);
        command.arg(options).arg(command_line);
        command
    }

    /// Has the workload work for some steps from here on.
    pub fn works(&self, steps: u64) -> u64 {
        let before = self.bench.progress().map_or(0, |progress| progress.0);
        eventually("some steps", || self.bench.progress().map(|p| p.0).filter(|done| *done > before + steps))
    }

    /// Waits until a start of the segment after `known` starts was reported.
    pub fn started(&self, task: &mut Task, known: usize) -> Value {
        eventually("the start of a segment", || {
            assert!(task.running(), "the task has ended: {}", task.log());
            self.supervisor.samples("start").get(known).cloned()
        })
    }
}

/// The command on a node that has none of these programs: in a mount namespace of its own, in which they are no programs.
pub fn without(programs: &str, command: &Command) -> Command {
    let script = "for name in $1; do for directory in $(echo \"$PATH\" | tr : ' ') /usr/local/sbin /usr/sbin /sbin \
        /usr/local/bin /usr/bin /bin; do \
        if [ -e \"$directory/$name\" ]; then mount --bind /dev/null \"$directory/$name\" || exit 99; fi; done; done; \
        shift; exec \"$@\"";
    let mut hidden = Command::new("unshare");
    hidden.args(["-m", "--propagation", "slave", "sh", "-c", script, "sh", programs]);
    hidden.arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => hidden.env(name, value),
            None => hidden.env_remove(name),
        };
    }
    hidden
}

impl Task {
    pub fn pid(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.child.id()).unwrap())
    }

    pub fn signal(&self, signal: Signal) {
        kill(self.pid(), signal).unwrap();
    }

    pub fn running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// What it printed.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.log).unwrap()).into_owned()
    }

    /// Waits for its end.
    pub fn wait(&mut self) -> ExitStatus {
        let log = self.log.clone();
        let child = &mut self.child;
        let began = Instant::now();
        loop {
            if let Some(status) = child.try_wait().unwrap() {
                return status;
            }
            let text = || String::from_utf8_lossy(&std::fs::read(&log).unwrap()).into_owned();
            assert!(began.elapsed() < Duration::from_secs(180), "the task does not end: {}", text());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// TERM, and the checkpoint that must come of it.
    pub fn stop(&mut self) -> Duration {
        let began = Instant::now();
        self.signal(Signal::SIGTERM);
        let status = self.wait();
        assert_eq!(status.code(), Some(0), "after SIGTERM: {status}: {}", self.log());
        began.elapsed()
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("--- log of a task ---\n{}", self.log());
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
