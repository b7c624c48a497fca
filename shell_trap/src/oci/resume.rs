//! The instant at which a restored program goes on: CRIU calls this program as its action script, while every task of the
//! container is still stopped. Only then the counters hold the restore's own work and nothing of the program's, however
//! late everybody else comes to look; only then a limit can be set that holds from the program's first step; and only then
//! it can be made to wait for its `start`.

use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::{Outcome, used};
use crate::cgroup::Cgroups;

/// Set by CRIU: which action it is.
const ACTION: &str = "CRTOOLS_SCRIPT_ACTION";
/// Set by CRIU: the first process of what is restored, as CRIU numbers it.
const FIRST: &str = "CRTOOLS_INIT_PID";
/// Where the outcome goes.
const OUTCOME: &str = "SHELL_TRAP_RESUME_OUTCOME";
/// The limit, in cores.
const CORES: &str = "SHELL_TRAP_RESUME_CORES";

/// Has CRIU called?
pub fn is_action() -> bool {
    std::env::var_os(ACTION).is_some() && std::env::var_os(OUTCOME).is_some()
}

/// One restore.
#[derive(Debug)]
pub struct Resume {
    outcome: PathBuf,
    configuration: PathBuf,
}

impl Resume {
    /// Writes CRIU's configuration into `work`. `None` where CRIU could not call this program.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn prepare(work: &Path) -> Result<Option<Self>> {
        let program = fs::read_link("/proc/self/exe").context("/proc/self/exe")?;
        // CRIU's configuration has its own quoting; the name of a program that was removed is none.
        let plain = |byte: &u8| byte.is_ascii_graphic() && !b"\"'#\\".contains(byte);
        if !program.as_os_str().as_bytes().iter().all(plain) || !program.exists() {
            return Ok(None);
        }
        let resume = Resume { outcome: work.join("resumed.json"), configuration: work.join("criu.conf") };
        fs::write(&resume.configuration, format!("action-script {}\n", program.display()))
            .with_context(|| resume.configuration.display().to_string())?;
        Ok(Some(resume))
    }

    /// Has the command's CRIU call this program, which is to set this limit, in cores.
    pub fn arrange(&self, command: &mut Command, cores: Option<f64>) {
        command.env("CRIU_CONFIG_FILE", &self.configuration).env(OUTCOME, &self.outcome);
        if let Some(cores) = cores {
            command.env(CORES, cores.to_string());
        }
    }

    /// What was found when the program went on.
    pub fn outcome(&self) -> Option<Outcome> {
        super::read_outcome(&self.outcome).ok()
    }
}

/// Does what CRIU called for. It is told no failure: a restore is worth more than its accounting.
pub fn act() {
    let done = (|| -> Result<()> {
        if std::env::var(ACTION).is_ok_and(|action| action != "pre-resume") {
            return Ok(());
        }
        let pid: i32 = std::env::var(FIRST).context(FIRST)?.parse().context(FIRST)?;
        let cgroups = Cgroups::find()?;
        let outcome = Outcome { in_time: true, ..used(&cgroups, &cgroups.of_process(pid)?)? };
        let file = PathBuf::from(std::env::var_os(OUTCOME).context(OUTCOME)?);
        fs::write(&file, serde_json::to_vec(&outcome)?).with_context(|| file.display().to_string())?;
        // The first process stays stopped until everything else stands still: one that has only a moment left to run must
        // not end before its shim knows it. A group cannot be frozen here, CRIU could not let go of what is in it.
        kill(Pid::from_raw(pid), Signal::SIGSTOP).context("stopping the program")?;
        if let Ok(cores) = std::env::var(CORES) {
            cgroups.limit_process(pid, cores.parse().context(CORES)?)?;
        }
        Ok(())
    })();
    if let Err(error) = done {
        eprintln!("shell_trap: at the end of the restore: {error:#}");
    }
}
