//! Jobs that run as processes, and what is left of them.

#[path = "eventually.rs"]
mod eventually;

use std::path::{Path, PathBuf};
use std::process::{Child, Command};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;
use shell_trap::stat::Stat;

pub use eventually::eventually;

/// No control group can be made below a file: the limit is kept by stopping and continuing.
pub const NO_GROUP: (&str, &str) = ("SHELL_TRAP_CGROUP_PARENT", "/cgroup.procs/none");

/// A running agent. Killed when dropped, as one that hangs would stay.
pub struct Agent(Child);

impl std::ops::Deref for Agent {
    type Target = Child;

    fn deref(&self) -> &Child {
        &self.0
    }
}

impl std::ops::DerefMut for Agent {
    fn deref_mut(&mut self) -> &mut Child {
        &mut self.0
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// One job, whose processes all have a word of their own in their command line.
pub struct Job {
    pub uuid: String,
    /// Seconds that nobody else sleeps for.
    pub word: String,
    /// Of the program, by number.
    pub user: Option<u32>,
    variables: Vec<(&'static str, String)>,
    pub directory: tempfile::TempDir,
}

impl Job {
    pub fn new(variables: &[(&'static str, &str)]) -> Self {
        let number = uuid::Uuid::new_v4().as_u128();
        Job {
            uuid: uuid::Uuid::new_v4().to_string(),
            word: format!("{}.{}", 3600 + number % 1000, number % 1_000_000_007),
            user: None,
            variables: variables.iter().map(|(name, value)| (*name, (*value).to_owned())).collect(),
            directory: tempfile::tempdir().unwrap(),
        }
    }

    pub fn start(&self, script: &str) -> Agent {
        Agent(self.command(script).spawn().unwrap())
    }

    /// What the agent itself says goes into a file.
    pub fn start_with_log(&self, script: &str) -> (Agent, PathBuf) {
        self.start_by(Path::new(env!("CARGO_BIN_EXE_shell_trap")), script)
    }

    /// The same by another file of the agent.
    pub fn start_by(&self, program: &Path, script: &str) -> (Agent, PathBuf) {
        let log = self.directory.path().join("log");
        let file = std::fs::File::create(&log).unwrap();
        (Agent(self.command_of(program, script).stderr(file).spawn().unwrap()), log)
    }

    fn command(&self, script: &str) -> Command {
        self.command_of(Path::new(env!("CARGO_BIN_EXE_shell_trap")), script)
    }

    fn command_of(&self, program: &Path, script: &str) -> Command {
        let user = self.user.map(|user| format!("{user}:{user}"));
        let spec = json!({"version": 1, "shell": script, "user": user});
        let mut command = Command::new(program);
        command.env("SHELL_TRAP_UUID", &self.uuid).env("SHELL_TRAP_SPEC", spec.to_string());
        command.env("SHELL_TRAP_RUN_DIR", self.directory.path().join("run")).env("MARATHON_APP_RESOURCE_CPUS", "0.5");
        command.env("SHELL_TRAP_GRACE_SECONDS", "30").env("SHELL_TRAP_SAMPLE_SECONDS", "1");
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    /// A family: children in the same session and in one of their own.
    pub fn family(&self) -> Agent {
        self.start(&self.family_script())
    }

    pub fn family_script(&self) -> String {
        let word = &self.word;
        format!("setsid sleep {word} & sleep {word} & (sleep {word} & wait) & wait")
    }

    /// Its sleeping processes.
    pub fn sleepers(&self) -> Vec<i32> {
        let is_ours = |pid: &i32| {
            let text = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            text == format!("sleep\0{}\0", self.word).as_bytes() && Stat::of(*pid).is_some()
        };
        processes().into_iter().filter(is_ours).collect()
    }

    pub fn three_sleep(&self) -> Vec<i32> {
        eventually("three sleepers", || Some(self.sleepers()).filter(|found| found.len() == 3))
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        for pid in self.sleepers() {
            let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
        }
    }
}

pub fn processes() -> Vec<i32> {
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

pub fn pid_of(child: &Child) -> Pid {
    Pid::from_raw(child.id().cast_signed())
}

/// The keeper of this agent.
pub fn keeper_of(agent: &Child) -> Option<i32> {
    let is_keeper = |pid: &i32| {
        let words = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let mut words = words.split(|byte| *byte == 0).skip(1);
        let mark = format!(".{}.", agent.id());
        words.next() == Some(b"keep") && words.next().is_some_and(|w| String::from_utf8_lossy(w).contains(&mark))
    };
    processes().into_iter().find(is_keeper)
}

pub fn groups_of(job: &Job) -> Vec<PathBuf> {
    let name = format!("shell_trap-{}*", job.uuid.replace('-', ""));
    let find = Command::new("find").args(["/sys/fs/cgroup", "-type", "d", "-name", &name]).output().unwrap();
    String::from_utf8(find.stdout).unwrap().lines().map(|line| Path::new(line).to_owned()).collect()
}

/// A directory as nodes share it.
pub fn shared_directory() -> tempfile::TempDir {
    assert!(nix::unistd::geteuid().is_root(), "a shared directory is root's: this test needs root");
    let shared = tempfile::tempdir().unwrap();
    let private = std::os::unix::fs::PermissionsExt::from_mode(0o700);
    std::fs::set_permissions(shared.path(), private).unwrap();
    shared
}
