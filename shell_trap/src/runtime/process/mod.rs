//! A job as a child process of the agent: for one machine without Docker. Resized in place, never checkpointed.

pub mod account;
pub mod bucket;
pub mod duty;
pub mod group;
pub mod keeper;
pub mod traces;
pub mod tree;

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use nix::errno::Errno;
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use tokio::sync::watch;
use tokio::time::Instant;

use self::duty::Duty;
use self::group::Group;
use self::keeper::Keeper;
use self::traces::Traces;
use super::{Ended, Running};
use crate::aside::aside;
use crate::cgroup::{Cgroups, CpuTime};
use crate::config::Config;
use crate::lease::{Lease, state};
use crate::{clock, groups, process};

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
    traces: Traces,
    keeper: RefCell<Keeper>,
    /// How long the lease is valid after a renewal began, and when the last but one was told.
    lease: Option<Duration>,
    renewed_at: Cell<Duration>,
    /// What children of this process had used before it.
    before: CpuTime,
    /// Nothing is left of it.
    gone: Cell<bool>,
}

impl ProcessJob {
    /// Starts the job's command with a limit in cores, after ending what an earlier agent of this job left on the node. With a
    /// `lease` the job stands still when that is not renewed.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(config: &Config, name: &str, cores: f64, lease: Option<&Lease>) -> Result<Self> {
        let command = config.spec.command().context("SHELL_TRAP_SPEC: a process needs a command")?;
        let left = traces::sweep(name, &Cgroups::find().map(|cgroups| cgroups.cpu_roots()).unwrap_or_default());
        if left > 0 {
            tracing::warn!(processes = left, "ended what an earlier agent of this job left");
        }
        let before = account::of_children();
        // Another run's keeper may still be ending that one: nothing of this run has the same name.
        let mark = traces::own_mark(name);
        // The task's own group is where a process is made in any case.
        let parent = config.cgroup_parent.as_deref().filter(|parent| *parent != groups::TASK);
        let group = Group::make(parent, &traces::group_name(&mark), cores);
        let directories = group.as_ref().map(Group::directories).unwrap_or_default();
        let mut traces = Traces::of(mark, directories);
        // Before there is anything to keep.
        let mut keeper = Keeper::start(&traces)?;
        if let Some(lease) = lease {
            keeper.until(lease.pause_at())?;
        }
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
        child.envs(&config.spec.env).env(traces::MARK, &traces.mark).stdin(std::process::Stdio::null());
        let mut child = child.spawn().context("starting the job")?;
        let pid = child.id().and_then(|pid| i32::try_from(pid).ok()).context("the job has no process id")?;
        let session = Pid::from_raw(pid);
        traces.session = Some(pid);
        keeper.session(pid)?;
        let limiter = match group {
            Ok(group) => Limiter::Group(group),
            Err(_) => Limiter::Duty(Duty::start(session, cores)),
        };
        let (sender, ended) = watch::channel(None);
        tokio::spawn(async move {
            let ended = match child.wait().await {
                Ok(status) => Ended::ByItself(account::code(status)),
                Err(error) => Ended::Lost(error.to_string()),
            };
            sender.send_replace(Some(ended));
        });
        Ok(ProcessJob {
            session,
            limiter,
            node_cores: account::cores_of_node(),
            ended,
            last: Cell::default(),
            held: Cell::new(false),
            traces,
            keeper: RefCell::new(keeper),
            lease: lease.map(Lease::length),
            renewed_at: Cell::new(lease.map_or(Duration::ZERO, |lease| {
                lease.pause_at().saturating_sub(state::pause_at(Duration::ZERO, lease.length()))
            })),
            before,
            gone: Cell::new(false),
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
            self.signal(Signal::SIGKILL);
            self.traces.signal(Signal::SIGKILL);
        }
        self.ended().await
    }

    /// Kills whatever is left of it and waits for its end.
    ///
    /// # Errors
    /// Which processes do not end: the kernel lets them wait for a device, or a file server.
    pub async fn kill(&self) -> Result<()> {
        self.signal(Signal::SIGKILL);
        let traces = self.traces.clone();
        // Looked for by another thread: what waits for a device holds up nothing else here.
        let ended = aside(move || match traces.end() {
            true => Ok(()),
            false => bail!("processes of the job do not end: {:?}", traces.members()),
        });
        ended.await?;
        self.gone.set(true);
        Ok(())
    }

    /// A renewal that is told now began after the one before it was told: counted from there the lease is certainly valid.
    fn renewed(&self) {
        let Some(length) = self.lease else { return };
        let deadline = state::pause_at(self.renewed_at.replace(clock::since_boot()), length);
        if let Limiter::Duty(duty) = &self.limiter {
            duty.until(deadline);
        }
        let mut keeper = self.keeper.borrow_mut();
        if let Err(error) = keeper.until(deadline) {
            tracing::warn!("{error:#}; starting another");
            let another = Keeper::start(&self.traces).and_then(|mut another| {
                another.session(self.session.as_raw())?;
                another.until(deadline)?;
                Ok(another)
            });
            match another {
                Ok(another) => *keeper = another,
                Err(error) => tracing::error!("nobody ends the job should this agent be killed: {error:#}"),
            }
        }
    }

    fn signal(&self, signal: Signal) {
        if let Limiter::Duty(duty) = &self.limiter {
            duty.release();
        }
        // One that is gone needs no signal; one that does not lead its session yet would not get this one.
        if killpg(self.session, signal) == Err(Errno::ESRCH) && self.ended.borrow().is_none() {
            let _ = kill(self.session, signal);
        }
    }

    /// What was used between the last look and the end is seen in the account of what was collected: the job's first process, with
    /// all that it has collected itself.
    fn with_the_last_moment(&self, seen: CpuTime) -> CpuTime {
        if self.ended.borrow().is_none() {
            return seen;
        }
        let collected = account::of_children().since(self.before);
        if collected.total > seen.total { collected } else { seen }
    }

    fn hold(&self, still: bool) {
        match &self.limiter {
            Limiter::Duty(duty) => duty.hold(still),
            Limiter::Group(_) => {
                // All of it: a process in a session of its own must not work on.
                self.traces.signal(if still { Signal::SIGSTOP } else { Signal::SIGCONT });
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
            Limiter::Duty(duty) => Some(self.with_the_last_moment(duty.cpu_time())),
        };
        if let Some(now) = now {
            self.last.set(now);
        }
        Some(self.last.get())
    }

    async fn keep_running(&self) -> bool {
        self.renewed();
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
        if !self.gone.get() {
            // The keeper, which learns of this in a moment, looks for what is left.
            self.signal(Signal::SIGKILL);
            self.traces.signal(Signal::SIGKILL);
        }
    }
}
