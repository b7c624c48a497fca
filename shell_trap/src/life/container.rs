//! A task whose job runs in a container.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio::time::{Instant, sleep};

use super::begin::{self, Begun};
use super::grace::{Step, Stop};
use super::records;
use super::renewing::guarded;
use super::scene::{Scene, dismiss};
use super::stopping::Stopped;
use super::watch::{Outcome, Watch};
use super::{FOR_EVER, Segment, TERMINATED};
use crate::cgroup::Cgroups;
use crate::compat::MyCgroup;
use crate::config::Config;
use crate::docker::Docker;
use crate::docker::node::NodeInfo;
use crate::groups::{self, Group};
use crate::lease::guard::{Guard, Post};
use crate::lease::state::Holder;
use crate::lease::{self, Lease, Predecessor, guard};
use crate::report::Reporter;
use crate::restore::Abilities;

/// How long a Docker that is starting is waited for.
const DAEMON_STARTS: Duration = Duration::from_secs(60);

/// What all steps of a container's life share.
pub struct Context {
    pub config: Config,
    pub reporter: Reporter,
    /// The framework's wish that the task ends.
    pub stop: Stop,
    pub docker: Docker,
    pub node: NodeInfo,
    pub cgroups: Cgroups,
    /// Why there are no checkpoints, otherwise.
    pub abilities: Result<Abilities, String>,
    /// The control group that the job's own are made in; the default when absent.
    pub group_parent: Option<String>,
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

    /// Where groups of the job may be on this node: that of this segment, and of what an agent before this one left, which
    /// was in another task's group when each job is in its task's.
    pub fn bases(&self) -> Vec<String> {
        let own = self.group().path;
        let last = records::Segment::load(&self.local).ok().flatten().map(|record| record.group);
        let last = last.filter(|group| groups::parent_of(group) != groups::parent_of(&own));
        std::iter::once(own).chain(last).collect()
    }

    /// The group that the container's own group is made in.
    pub fn group(&self) -> Group {
        Group::of(&self.node.cgroup_driver, self.group_parent.as_deref(), &self.name(), self.epoch)
    }
}

/// Lives through the task.
pub async fn run(config: Config, reporter: Reporter, local: PathBuf, stop: Stop) -> Result<i32> {
    let job_dir = config.job_dir().context("SHELL_TRAP_CHECKPOINT_DIR is missing")?;
    let docker = Docker::at(&config.docker_socket);
    let looking = async {
        let node = reach(&docker).await?;
        let abilities = Abilities::find(&config, &node).await.map_err(|error| format!("{error:#}"));
        anyhow::Ok((node, abilities))
    };
    let Some(looked) = stop.unless(looking).await else { return Ok(TERMINATED) };
    let (node, abilities) = looked?;
    let cgroups = Cgroups::find()?;
    // Before the job is taken, so that what is wrong here holds up nobody.
    let group_parent = groups::parent(config.cgroup_parent.as_deref(), &node.cgroup_driver, &cgroups)?;
    let holder = lease::this_process(&node.identity(), config.task.as_deref());
    let Some((lease, predecessor)) = take(&config, &job_dir, holder, &stop).await? else { return Ok(TERMINATED) };
    let epoch = lease.epoch();
    let context =
        Context { config, reporter, stop, docker, node, cgroups, abilities, group_parent, job_dir, local, epoch };
    describe(&context);
    live(context, lease, predecessor).await
}

/// Takes the job; `None` when the task is asked to end before. What is being taken in that moment is given back: only a
/// directory that hangs is not waited for, and then the next task waits until the lease has run out.
pub async fn take(
    config: &Config,
    job_dir: &Path,
    holder: Holder,
    stop: &Stop,
) -> Result<Option<(Lease, Option<Predecessor>)>> {
    let taking = lease::take_job(job_dir, holder, config.lease, config.lease_grace, stop.asked());
    match stop.within(Step::Released, FOR_EVER, taking).await {
        Some(Err(error)) if stop.asked_at().is_some() => {
            tracing::warn!("the lease may be taken, the next start waits for its end: {error:#}");
            Ok(None)
        }
        Some(taken) => taken,
        None => Ok(None),
    }
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
            abilities.criu.warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
        }
        Err(why) => tracing::warn!("no checkpoints: {why}; the job runs, and a resize loses its work"),
    }
}

async fn live(context: Context, mut lease: Lease, predecessor: Option<Predecessor>) -> Result<i32> {
    let stop = &context.stop;
    let post = post(&context, &lease);
    // Before there is a container: from its first moment on it is guarded.
    let mut guard = match Guard::start(&post, lease.pause_at()).await {
        Ok(guard) => Some(guard),
        Err(error) => {
            context.abandon(None, lease).await;
            return Err(error);
        }
    };
    // Only now: the guard of an agent that was killed stays until another watches what that one left.
    if let Err(error) = guard::take_over(&context.local, context.epoch) {
        context.abandon(guard, lease).await;
        return Err(error);
    }
    let begun = stop.unless(guarded(context.begin(predecessor.as_ref()), &mut lease, &mut guard)).await;
    let begun = match begun.unwrap_or(Ok(Begun::Over(TERMINATED))) {
        Ok(Begun::Running(begun)) => begun,
        Ok(Begun::Finished(finished)) => {
            // Nobody runs it again.
            lease.settle();
            let code = context.report_again(&finished, &mut lease).await;
            dismiss(guard).await;
            context.release(lease).await;
            return Ok(code);
        }
        over => {
            context.abandon(guard, lease).await;
            return match over? {
                Begun::Over(code) => Ok(code),
                _ => Ok(TERMINATED),
            };
        }
    };
    // It is this task's own: what an earlier one left here was taken up, or removed.
    lease.settle();
    let begin::Running { job, mut segment, execution, restored, follower } = *begun;
    let compat = context.config.mycgroup.as_deref().map(|base| MyCgroup::new(base, &job.id));
    let watch = Watch { config: &context.config, reporter: &context.reporter, job: &job, compat: compat.as_ref() };
    let outcome = watch.run(&mut segment, Some(&mut lease), Some((&mut guard, &post)), stop).await;
    let scene = Scene { context: &context, job: &job, segment: &segment, execution: &execution, restored };
    let stopped = match outcome {
        Outcome::Ended(ended) => Stopped::Ended(ended),
        Outcome::Superseded => Stopped::Superseded,
        Outcome::Stop => scene.stop(&mut lease, &mut guard).await,
    };
    Ok(match stopped {
        Stopped::Ended(ended) => scene.ended(ended, follower, guard, lease).await,
        Stopped::Superseded => scene.superseded(guard).await,
        Stopped::Left(left) => scene.leave(left, guard, lease, follower).await,
    })
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
        groups: context.bases(),
    }
}

/// The limit to begin with, in CPUs of the framework.
pub fn limit(segment_cpus: f64, factor: f64, node_cores: f64) -> f64 {
    segment_cpus.min(node_cores / factor)
}

/// Used by the steps.
pub fn segment(context: &Context, execution: &records::Execution, base: f64) -> Segment {
    let words = super::words(&context.config, execution, context.epoch);
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
