//! A job as a child process of the agent: for one machine without Docker. Resized in place, never checkpointed.

pub mod bucket;
pub mod duty;
pub mod group;
pub mod tree;

use std::cell::Cell;
use std::future::Future;

use anyhow::{Context as _, Result};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::sync::watch;
use tokio::time::Instant;

use self::duty::Duty;
use self::group::Group;
use super::{Ended, Running};
use crate::cgroup::CpuTime;
use crate::config::Config;
use crate::process;

/// What keeps the limit.
#[derive(Debug)]
enum Limiter {
    /// The kernel.
    Group(Group),
    /// This process, by stopping and continuing.
    Duty(Duty),
}

/// A command that runs.
#[derive(Debug)]
pub struct ProcessJob {
    session: Pid,
    limiter: Limiter,
    node_cores: f64,
    ended: watch::Receiver<Option<Ended>>,
    last: Cell<CpuTime>,
    held: Cell<bool>,
}

impl ProcessJob {
    /// Starts the job's command with a limit in cores.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(config: &Config, name: &str, cores: f64) -> Result<Self> {
        let command = config.spec.command().context("SHELL_TRAP_SPEC: a process needs a command")?;
        let group = Group::make(config.cgroup_parent.as_deref(), name, cores);
        let mut child = tokio::process::Command::new(process::own_file()?);
        child.arg("enter").arg("--parent").arg(std::process::id().to_string());
        match &group {
            Ok(group) => group.join_files().into_iter().for_each(|file| {
                child.arg("--join").arg(file);
            }),
            Err(error) => {
                tracing::warn!("no control group ({error:#}): the limit is kept by stopping and continuing the job")
            }
        }
        if let Some(user) = &config.spec.user {
            child.arg("--user").arg(user);
        }
        child.arg("--").args(&command);
        // Everything of this agent's own stays out of the job.
        for (variable, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("SHELL_TRAP_")) {
            child.env_remove(variable);
        }
        child.envs(&config.spec.env).stdin(std::process::Stdio::null());
        let mut child = child.spawn().context("starting the job")?;
        let pid = child.id().and_then(|pid| i32::try_from(pid).ok()).context("the job has no process id")?;
        let session = Pid::from_raw(pid);
        let limiter = match group {
            Ok(group) => Limiter::Group(group),
            Err(_) => Limiter::Duty(Duty::start(session, cores)),
        };
        let (sender, ended) = watch::channel(None);
        tokio::spawn(async move {
            let ended = match child.wait().await {
                Ok(status) => Ended::ByItself(code(status)),
                Err(error) => Ended::Lost(error.to_string()),
            };
            sender.send_replace(Some(ended));
        });
        Ok(ProcessJob {
            session,
            limiter,
            node_cores: cores_of_node(),
            ended,
            last: Cell::default(),
            held: Cell::new(false),
        })
    }

    /// The name of what keeps the limit.
    pub fn limiter(&self) -> &'static str {
        match &self.limiter {
            Limiter::Group(group) => group.version(),
            Limiter::Duty(_) => "duty cycle",
        }
    }

    /// TERM to the whole session, and KILL when it has not ended by `deadline`.
    pub async fn end(&self, deadline: Instant) -> Ended {
        self.signal(Signal::SIGTERM);
        // A stopped process does not see the signal.
        self.signal(Signal::SIGCONT);
        let mut ended = self.ended.clone();
        let gone = ended.wait_for(Option::is_some);
        if tokio::time::timeout_at(deadline, gone).await.is_err() {
            tracing::warn!("the job does not end in the time that was given: killed");
            self.kill();
        }
        self.ended().await
    }

    /// Kills whatever is left of the session and the group.
    pub fn kill(&self) {
        self.signal(Signal::SIGKILL);
        if let Limiter::Group(group) = &self.limiter {
            group.kill();
        }
    }

    fn signal(&self, signal: Signal) {
        if let Limiter::Duty(duty) = &self.limiter {
            duty.release();
        }
        // One that is gone needs no signal.
        let _ = killpg(self.session, signal);
    }

    fn hold(&self, still: bool) {
        match &self.limiter {
            Limiter::Duty(duty) => duty.hold(still),
            Limiter::Group(_) => {
                let _ = killpg(self.session, if still { Signal::SIGSTOP } else { Signal::SIGCONT });
            }
        }
    }
}

impl Running for ProcessJob {
    fn ended(&self) -> impl Future<Output = Ended> + Send + 'static {
        let mut ended = self.ended.clone();
        async move {
            match ended.wait_for(Option::is_some).await {
                Ok(ended) => ended.clone().unwrap_or(Ended::Lost(String::new())),
                Err(_) => Ended::Lost("the process was not watched any more".into()),
            }
        }
    }

    async fn set_cores(&self, cores: f64) -> Result<()> {
        match &self.limiter {
            Limiter::Group(group) => group.limit(cores),
            Limiter::Duty(duty) => {
                duty.limit(cores);
                Ok(())
            }
        }
    }

    fn cpu_time(&self) -> Option<CpuTime> {
        let now = match &self.limiter {
            Limiter::Group(group) => group.cpu_time().ok(),
            Limiter::Duty(duty) => Some(duty.cpu_time()),
        };
        if let Some(now) = now {
            self.last.set(now);
        }
        Some(self.last.get())
    }

    async fn keep_running(&self) -> bool {
        let stood = self.held.replace(false);
        if stood {
            tracing::warn!("the lease is renewed: the job goes on");
            self.hold(false);
        }
        stood
    }

    fn stand_still(&self) {
        if !self.held.replace(true) {
            tracing::error!("the lease has run out: the job stands still");
            self.hold(true);
        }
    }

    fn cores(&self) -> f64 {
        self.node_cores
    }
}

impl Drop for ProcessJob {
    fn drop(&mut self) {
        self.kill();
    }
}

fn code(status: std::process::ExitStatus) -> i64 {
    use std::os::unix::process::ExitStatusExt as _;
    let signalled = || status.signal().map_or(255, |signal| 128 + i64::from(signal));
    status.code().map_or_else(signalled, i64::from)
}

fn cores_of_node() -> f64 {
    // A count of cores is exact as a float.
    std::thread::available_parallelism().map_or(1.0, |n| n.get() as f64)
}
