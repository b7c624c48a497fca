//! A job in a container.

use std::cell::Cell;
use std::future::Future;
use std::time::Duration;

use anyhow::{Context as _, Result};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::time::{Instant, sleep};

use super::{Ended, Running};
use crate::cgroup::{Cgroups, CpuTime};
use crate::docker::create::nano_cpus;
use crate::docker::{Docker, DockerError};

/// How long a daemon may be away before the container counts as lost.
const DAEMON_AWAY: Duration = Duration::from_secs(120);
/// A daemon that answers for so long is back: what ends from then on has not been ended by its going away.
const DAEMON_BACK: Duration = Duration::from_secs(10);

/// A container that runs, and the group around it that keeps its counters.
#[derive(Debug)]
pub struct ContainerJob {
    /// Its Docker.
    pub docker: Docker,
    /// The container's id.
    pub id: String,
    /// Cores of the node.
    pub node_cores: f64,
    /// With a terminal.
    pub tty: bool,
    /// For reading.
    pub cgroups: Cgroups,
    /// The group that outlives the container: a path from the root of the hierarchy.
    pub group: String,
    /// The group's counters when the segment began.
    pub zero: CpuTime,
    last: Cell<CpuTime>,
}

impl ContainerJob {
    /// Puts it together.
    pub fn new(
        docker: Docker,
        id: String,
        node_cores: f64,
        tty: bool,
        cgroups: Cgroups,
        group: String,
        zero: CpuTime,
    ) -> Self {
        ContainerJob { docker, id, node_cores, tty, cgroups, group, zero, last: Cell::default() }
    }

    /// Freezes it for a dump. A throttled container cannot be frozen, so it gets the whole node first.
    ///
    /// # Errors
    /// When it still runs after five attempts, or has ended.
    pub async fn freeze(&self) -> Result<()> {
        self.docker.set_cores(&self.id, self.node_cores).await.context("raising the limit")?;
        let mut last = None;
        for attempt in 0..5 {
            sleep(Duration::from_millis(50 * attempt)).await;
            match self.docker.pause(&self.id).await {
                Ok(()) => return Ok(()),
                Err(error) => {
                    // A guard may have paused it, or a dump that was cut off: begin from a known state.
                    if error.to_string().contains("already paused") {
                        let _ = self.end_pause().await;
                    }
                    last = Some(error);
                }
            }
        }
        Err(last.context("no attempt")?).context("pausing the container")
    }

    /// Has it go on, for Docker too.
    ///
    /// # Errors
    /// What Docker said.
    pub async fn end_pause(&self) -> Result<(), DockerError> {
        match self.docker.unpause(&self.id).await {
            Err(error) if error.to_string().contains("not paused") => {
                // A dump that was cut off has let it go on behind Docker's back, which pauses nothing that it takes for paused: what
                // it believes is made true, and ended.
                tracing::warn!("Docker believes in a pause that is over");
                let pid = self.docker.inspect(&self.id).await?.state.pid;
                let frozen = self.cgroups.freeze_process(pid);
                let again = self.docker.unpause(&self.id).await;
                if frozen.is_ok() {
                    self.cgroups.thaw_process(pid);
                }
                again
            }
            other => other,
        }
    }
}

impl Running for ContainerJob {
    fn ended(&self) -> impl Future<Output = Ended> + Send + 'static {
        let (docker, id) = (self.docker.clone(), self.id.clone());
        async move {
            let mut away = Duration::ZERO;
            loop {
                let began = Instant::now();
                let answer = docker.wait(&id).await;
                if began.elapsed() > DAEMON_BACK {
                    away = Duration::ZERO;
                }
                let error = match answer {
                    // A daemon that goes down ends the wait as if the container had ended.
                    Ok(code) => match docker.inspect(&id).await {
                        Ok(container) if container.state.has_exited() && away.is_zero() => {
                            return Ended::ByItself(code);
                        }
                        Ok(container) if container.state.has_exited() => {
                            return Ended::Lost("it ended while Docker was away".into());
                        }
                        Ok(_) => None,
                        Err(error) => Some(error),
                    },
                    Err(error) => Some(error),
                };
                match error {
                    Some(error) if error.is_missing() => return Ended::Lost("somebody removed the container".into()),
                    Some(error) if away > DAEMON_AWAY => return Ended::Lost(error.to_string()),
                    _ => {}
                }
                let nap = Duration::from_millis(500);
                away += nap;
                sleep(nap).await;
            }
        }
    }

    async fn set_cores(&self, cores: f64) -> Result<()> {
        Ok(self.docker.set_cores(&self.id, cores.min(self.node_cores)).await?)
    }

    fn has_limit(&self, cores: f64) -> bool {
        // As Docker is told it, which the kernel has in hundred-thousandths of a core.
        let wanted = nano_cpus(cores.min(self.node_cores)) as f64 / 1e9;
        let is_it = |limit: &f64| (limit - wanted).abs() < 0.001 + 0.01 * wanted;
        self.cgroups.limits_below(&self.group).iter().all(is_it)
    }

    fn cpu_time(&self) -> Option<CpuTime> {
        if let Ok(now) = self.cgroups.cpu_time(&self.cgroups.directory(&self.group)) {
            self.last.set(now.since(self.zero));
        }
        Some(self.last.get())
    }

    async fn keep_running(&self) -> bool {
        let mut stood = self.cgroups.thaw(&self.group);
        if stood {
            tracing::warn!("the container was frozen although the lease is valid: it goes on");
        }
        if let Ok(container) = self.docker.inspect(&self.id).await
            && container.state.paused
        {
            tracing::warn!("the container stood still although the lease is valid: it goes on");
            if let Err(error) = self.end_pause().await {
                tracing::warn!(%error, "the container cannot be unpaused");
            }
            stood = true;
        }
        stood
    }

    fn cores(&self) -> f64 {
        self.node_cores
    }
}

/// Ends everything in the groups, frozen or not: what is frozen cannot end, and Docker would wait for it.
pub fn end_groups(cgroups: &Cgroups, groups: &[String]) {
    for group in groups {
        // Killed first: thawed, it has no moment to go on.
        kill_group(cgroups, &cgroups.directory(group));
        cgroups.thaw(group);
    }
}

/// Kills every process of the group and of the groups below: a restore that failed may run on unseen.
pub fn kill_group(cgroups: &Cgroups, group: &std::path::Path) {
    for pid in cgroups.members(group) {
        let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
    }
    for entry in std::fs::read_dir(group).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            kill_group(cgroups, &entry.path());
        }
    }
}

/// Kills whoever traces the processes of the group: a CRIU whose agent is gone.
pub fn kill_tracers(cgroups: &Cgroups, group: &std::path::Path) {
    for pid in cgroups.members(group) {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let tracer = status.lines().find_map(|line| line.strip_prefix("TracerPid:")?.trim().parse::<i32>().ok());
        let Some(tracer) = tracer.filter(|&tracer| tracer > 1) else { continue };
        let name = std::fs::read_to_string(format!("/proc/{tracer}/cmdline")).unwrap_or_default();
        // A debugger is not ours to end.
        if name.contains("criu") {
            tracing::warn!(tracer, "ending a checkpoint that an earlier agent left");
            let _ = kill(Pid::from_raw(tracer), Signal::SIGKILL);
        }
    }
}
