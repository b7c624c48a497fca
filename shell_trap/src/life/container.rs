//! A task whose job runs in a container.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio::time::{Instant, sleep};

use super::begin::{self, Begun};
use super::finish::{self, Stopped};
use super::watch::{Outcome, Watch};
use super::{Segment, Stop, TERMINATED};
use crate::cgroup::Cgroups;
use crate::checkpoint::secure;
use crate::compat::MyCgroup;
use crate::config::Config;
use crate::docker::Docker;
use crate::docker::node::NodeInfo;
use crate::groups::Group;
use crate::lease::file::LeaseDir;
use crate::lease::guard::{Guard, Post};
use crate::lease::{self, Lease, Predecessor, guard};
use crate::report::Reporter;
use crate::restore::Abilities;

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

    /// The group that the container's own group is made in.
    pub fn group(&self) -> Group {
        Group::of(&self.node.cgroup_driver, self.config.cgroup_parent.as_deref(), &self.name(), self.epoch)
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
    let holder = lease::this_process(&node.identity(), config.task.as_deref());
    let taken = tokio::select! {
        taken = Lease::take(LeaseDir::open(&job_dir)?, holder, config.lease, config.lease_grace) => taken?,
        () = stop.asked() => return Ok(TERMINATED),
    };
    let (lease, predecessor): (Lease, Option<Predecessor>) = taken;
    let epoch = lease.epoch();
    reporter.keep_in(&job_dir, epoch);
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
    let post = post(&context, &lease);
    // Before there is a container: from its first moment on it is guarded.
    let mut guard = Some(Guard::start(&post, lease.pause_at()).await?);
    // Only now: the guard of an agent that was killed stays until another watches what that one left.
    guard::take_over(&context.local, context.epoch)?;
    let begun = tokio::select! {
        begun = finish::renewing(context.begin(predecessor.as_ref()), &mut lease, &mut guard) => begun,
        () = stop.asked() => Ok(Begun::Over(TERMINATED)),
    };
    let begun = match begun {
        Ok(Begun::Running(begun)) => begun,
        Ok(Begun::Finished(finished)) => {
            let code = context.report_again(&finished, &mut lease, stop).await;
            finish::dismiss(guard).await;
            let _ = lease.release().await;
            return code;
        }
        over => {
            // Whatever this start has made so far; a container of an earlier one stays for the next.
            if matches!(context.remove_own().await, Ok(true)) {
                finish::dismiss(guard).await;
                let _ = lease.release().await;
            }
            // Otherwise the guard stays, which is the only one that watches what is left here.
            return match over? {
                Begun::Over(code) => Ok(code),
                _ => Ok(TERMINATED),
            };
        }
    };
    let begin::Running { job, mut segment, execution, restored, follower } = *begun;
    let compat = context.config.mycgroup.as_deref().map(|base| MyCgroup::new(base, &job.id)).transpose()?;
    let watch = Watch { config: &context.config, reporter: &context.reporter, job: &job, compat: compat.as_ref() };
    let outcome = watch.run(&mut segment, Some(&mut lease), Some((&mut guard, &post)), stop).await;
    let scene = finish::Scene { context: &context, job: &job, segment: &segment, execution: &execution, restored };
    match outcome {
        Outcome::Ended(ended) => scene.ended(ended, follower, guard.take(), lease, stop).await,
        Outcome::Superseded => scene.superseded(guard.take()).await,
        Outcome::Stop => {
            stop.granted(context.config.grace);
            match scene.stop(&mut lease, &mut guard).await? {
                Stopped::Ended(ended) => scene.ended(ended, follower, guard.take(), lease, stop).await,
                Stopped::Superseded => scene.superseded(guard.take()).await,
                Stopped::Left { clean, removed } => {
                    // One that stays removes the container once the job runs elsewhere.
                    let relieved = guard.take_if(|_| removed);
                    scene.leave(clean, relieved, lease, follower).await
                }
            }
        }
    }
}

fn post(context: &Context, lease: &Lease) -> Post {
    Post {
        socket: context.config.docker_socket.clone(),
        container: context.name(),
        epoch: context.epoch,
        lease: lease.directory().path().to_owned(),
        local: context.local.clone(),
        cores: context.node.cores,
        node: lease.holder().node.clone(),
        group: context.group().path,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_never_more_than_the_node() {
        assert_eq!(limit(1.5, 0.5, 2.0), 1.5);
        assert_eq!(limit(5.0, 0.5, 2.0), 4.0);
    }
}
