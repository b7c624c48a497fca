//! A task whose job runs in a container.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio::time::{Instant, sleep};

use super::watch::{Outcome, Watch};
use super::finish::{self, Stopped};
use super::{Segment, Stop, TERMINATED};
use crate::cgroup::Cgroups;
use crate::checkpoint::secure;
use crate::compat::MyCgroup;
use crate::config::Config;
use crate::docker::Docker;
use crate::docker::node::NodeInfo;
use crate::lease::file::LeaseDir;
use crate::lease::guard::{Guard, Post};
use crate::lease::{self, Lease, Predecessor, guard};
use crate::report::Reporter;
use crate::restore::Abilities;
use crate::runtime::docker::ContainerJob;

/// How long a Docker that is starting is waited for.
const DAEMON_STARTS: Duration = Duration::from_secs(60);

/// What all steps of a container's life share.
pub struct Context {
    pub config: Config,
    pub reporter: Reporter,
    pub docker: Docker,
    pub node: NodeInfo,
    pub cgroups: Cgroups,
    /// Why there are no checkpoints, otherwise.
    pub abilities: Result<Abilities, String>,
    /// In the shared directory.
    pub job_dir: PathBuf,
    /// On this node.
    pub local: PathBuf,
    /// The lease epoch.
    pub epoch: u64,
}

impl Context {
    /// The name of the container, and of directories.
    pub fn name(&self) -> String {
        self.config.uuid.hex()
    }

    /// The group that the container's own group is made in, as Docker is told and as the kernel has it.
    pub fn group(&self) -> (String, PathBuf) {
        if self.node.cgroup_driver == "systemd" {
            // Systemd keeps a slice below each of the prefixes in its name.
            let slice = format!("shelltrap-{}x{}.slice", self.name(), self.epoch);
            let parent = self.config.cgroup_parent.clone().unwrap_or(slice.clone());
            let directory = if parent == slice { format!("/shelltrap.slice/{slice}") } else { parent.clone() };
            return (parent, self.cgroups.directory(&directory));
        }
        let base = self.config.cgroup_parent.as_deref().unwrap_or("/shell_trap");
        let group = format!("/{}/{}-{}", base.trim_matches('/'), self.name(), self.epoch);
        let directory = self.cgroups.directory(&group);
        (group, directory)
    }
}

/// Lives through the task.
pub async fn run(config: Config, reporter: Reporter, local: PathBuf, stop: &mut Stop) -> Result<i32> {
    let job_dir = config.job_dir().context("SHELL_TRAP_CHECKPOINT_DIR is missing")?;
    secure::make(&job_dir)?;
    let docker = Docker::at(&config.docker_socket);
    let node = tokio::select! {
        node = reach(&docker) => node?,
        () = stop.asked() => return Ok(TERMINATED),
    };
    let abilities = Abilities::find(&config, &node).await.map_err(|error| format!("{error:#}"));
    let holder = lease::this_process(&node.id, config.task.as_deref());
    let taken = tokio::select! {
        taken = Lease::take(LeaseDir::open(&job_dir)?, holder, config.lease, config.lease_grace) => taken?,
        () = stop.asked() => return Ok(TERMINATED),
    };
    let (lease, predecessor): (Lease, Option<Predecessor>) = taken;
    guard::take_over(&local, lease.epoch())?;
    reporter.take_up(&job_dir);
    let epoch = lease.epoch();
    let cgroups = Cgroups::find()?;
    let context = Context { config, reporter, docker, node, cgroups, abilities, job_dir, local, epoch };
    describe(&context);
    live(context, lease, predecessor, stop).await
}

async fn reach(docker: &Docker) -> Result<NodeInfo> {
    let deadline = Instant::now() + DAEMON_STARTS;
    loop {
        match docker.info().await {
            Err(error) if Instant::now() < deadline => {
                tracing::warn!("{error}");
                sleep(Duration::from_secs(1)).await;
            }
            other => return Ok(other?),
        }
    }
}

fn describe(context: &Context) {
    let node = &context.node;
    tracing::info!(job = %context.config.uuid, segment = context.epoch, docker = %node.server_version, kernel = %node.kernel_version,
        "shell_trap {}", env!("CARGO_PKG_VERSION"));
    match &context.abilities {
        Ok(abilities) => {
            tracing::info!(criu = %abilities.criu.version, restore = %abilities.restore, dump = ?abilities.dump, "checkpoints can be made");
            if let Some(warning) = &abilities.criu.warning {
                tracing::warn!("{warning}");
            }
        }
        Err(why) => tracing::warn!("no checkpoints: {why}; the job runs, and a resize loses its work"),
    }
}

async fn live(context: Context, mut lease: Lease, predecessor: Option<Predecessor>, stop: &mut Stop) -> Result<i32> {
    let begun = match context.begin(&mut lease, predecessor, stop).await? {
        super::begin::Begun::Running(begun) => begun,
        super::begin::Begun::Over(code) => {
            let _ = lease.release().await;
            return Ok(code);
        }
    };
    let super::begin::Running { job, mut segment, execution, restored, follower } = *begun;
    let mut guard = Some(Guard::start(&post(&context, &job, &lease), lease.pause_at()).await?);
    let compat = context.config.mycgroup.as_deref().map(|base| MyCgroup::new(base, &job.id)).transpose()?;
    let respawn = post(&context, &job, &lease);
    let watch = Watch { config: &context.config, reporter: &context.reporter, job: &job, compat: compat.as_ref() };
    let outcome = watch.run(&mut segment, Some(&mut lease), Some((&mut guard, &respawn)), stop).await;
    let scene = finish::Scene { context: &context, job: &job, segment: &segment, execution: &execution, restored };
    match outcome {
        Outcome::Ended(ended) => scene.ended(ended, follower, guard.take(), lease, stop).await,
        Outcome::Superseded => scene.superseded(guard.take()).await,
        Outcome::Stop => match scene.stop(&mut lease, &mut guard).await? {
            Stopped::Ended(ended) => scene.ended(ended, follower, guard.take(), lease, stop).await,
            Stopped::Left { published } => scene.leave(published, guard.take(), lease, follower).await,
        },
    }
}

fn post(context: &Context, job: &ContainerJob, lease: &Lease) -> Post {
    Post {
        socket: context.config.docker_socket.clone(),
        container: job.id.clone(),
        epoch: context.epoch,
        lease: lease.directory().path().to_owned(),
        local: context.local.clone(),
        cores: context.node.cores,
    }
}

/// The limit to begin with, in CPUs of the framework.
pub fn limit(segment_cpus: f64, factor: f64, node_cores: f64) -> f64 {
    segment_cpus.min(node_cores / factor)
}

/// Used by the steps.
pub fn segment(context: &Context, execution: &super::records::Execution, base: f64) -> Segment {
    let words = crate::report::messages::Words {
        uuid: context.config.uuid,
        execution: execution.execution.clone(),
        segment: context.epoch,
        hostname: super::hostname(),
    };
    let factor = context.config.cpu_factor;
    Segment { words, base, factor, limit: limit(context.config.cpus, factor, context.node.cores) }
}
