//! The start: what is there already, what can be restored, and else anew.

use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::Value;
use tokio::task::JoinHandle;

use super::container::{self, Context};
use super::leftovers::Found;
use super::newest::Restoring;
use super::records::{self, Execution, Finished};
use super::{Segment, TRY_AGAIN, output};
use crate::aside::aside;
use crate::cgroup::CpuTime;
use crate::checkpoint::generations::{self, Generation};
use crate::clock;
use crate::docker::create::{self, ENV_CORES, ENV_OUTCOME, ENV_RESTORE, Placement};
use crate::lease::Predecessor;
use crate::report::messages::Start;
use crate::restore::RestorePath;
use crate::runtime::docker::ContainerJob;

/// A job that runs now.
pub struct Running {
    pub job: ContainerJob,
    pub segment: Segment,
    pub execution: Execution,
    /// The generation that it came from.
    pub restored: Option<u64>,
    pub follower: JoinHandle<()>,
}

/// How the start went.
pub enum Begun {
    Running(Box<Running>),
    /// The job has ended before.
    Finished(Finished),
    /// There is nothing to run: the task's exit code.
    Over(i32),
}

impl Context {
    /// Finds out what there is to do, and does it. May be dropped at any point: what it has made is labelled.
    pub async fn begin(&self, predecessor: Option<&Predecessor>) -> Result<Begun> {
        self.reporter.keep_in(&self.job_dir, self.epoch).await?;
        if let Some(finished) = self.shared(Finished::load).await? {
            self.clear_up().await;
            return Ok(Begun::Finished(finished));
        }
        match self.take_up(predecessor).await? {
            Some(Found::Running(running)) => return Ok(Begun::Running(running)),
            Some(Found::Finished(finished)) => {
                let end = finished.clone();
                self.shared(move |job_dir| end.store(job_dir)).await?;
                self.clear_up().await;
                self.shared(records::clear).await?;
                return Ok(Begun::Finished(finished));
            }
            None => {}
        }
        self.remove_leftovers().await?;
        self.shared(generations::remove_drafts).await?;
        match self.restore_newest().await? {
            Restoring::Restored(running) => Ok(Begun::Running(running)),
            Restoring::Elsewhere => Ok(Begun::Over(TRY_AGAIN)),
            Restoring::Nothing => self.fresh().await.map(|running| Begun::Running(Box::new(running))),
        }
    }

    /// Work on the job's own part of the shared directory.
    pub async fn shared<T: Send + 'static>(&self, work: impl FnOnce(&Path) -> Result<T> + Send + 'static) -> Result<T> {
        let job_dir = self.job_dir.clone();
        aside(move || work(&job_dir)).await
    }

    /// The job has ended: what cannot be removed now the next start removes, should there be one.
    async fn clear_up(&self) {
        if let Err(error) = self.remove_leftovers().await {
            tracing::warn!("what is left of the job here cannot be removed: {error:#}");
        }
    }

    pub async fn need_image(&self, always_pull: bool) -> Result<()> {
        let image = self.config.spec.image.as_deref().unwrap_or_default();
        self.docker.need_image(image, always_pull).await.context("the image").map(drop)
    }

    /// Starts the program from its beginning.
    async fn fresh(&self) -> Result<Running> {
        self.need_image(self.config.spec.force_pull).await?;
        let execution = Execution::begin();
        if !self.shared(generations::numbers).await?.is_empty() {
            tracing::error!("no checkpoint could be restored: the job starts anew, its work so far is lost");
        }
        let id = self.create(self.cores(), None).await?;
        let tty = self.docker.inspect(&id).await?.config.tty;
        let job = ContainerJob::new(
            self.docker.clone(),
            id,
            self.node.cores,
            tty,
            self.cgroups.clone(),
            self.group().path,
            CpuTime::default(),
        );
        // From its first step on the next agent finds it, should this one be killed.
        self.note(&job, &execution, 0.0, false)?;
        let since = clock::unix_seconds();
        let started = self.docker.start(&job.id, None, crate::docker::SLOW).await.context("starting the container");
        // Only an execution that runs takes the place of the one before, whose generations nobody restores then.
        let begun = match started {
            Ok(()) => self.announce(&execution, 0.0).await,
            failed => failed,
        };
        if let Err(error) = begun {
            let _ = self.docker.remove(&job.id).await;
            return Err(error);
        }
        tracing::info!(container = %job.id, "started anew");
        self.running(job, execution, 0.0, None, since).await
    }

    /// An execution that runs is written down. Its report comes first: who finds the one on disk can rely on the other,
    /// and who does not makes both again.
    pub async fn announce(&self, execution: &Execution, base: f64) -> Result<()> {
        let words = container::segment(self, execution, base).words;
        self.reporter.send_kept(words.init(execution.started_at)).await?;
        let execution = execution.clone();
        self.shared(move |job_dir| execution.store(job_dir)).await
    }

    /// Makes the container; `restore_from` is for the OCI runtime entry.
    pub async fn create(&self, cores: f64, restore_from: Option<&Generation>) -> Result<String> {
        let parent = self.group().parent;
        let runtime = match (&self.abilities, restore_from) {
            (Ok(abilities), Some(_)) => match &abilities.restore {
                RestorePath::Runtime(name) => Some(name.as_str()),
                RestorePath::Engine => None,
            },
            _ => None,
        };
        let mut agent_env = Vec::new();
        if let (Some(generation), Some(_)) = (restore_from, runtime) {
            let images = generation.images();
            agent_env.push((
                ENV_RESTORE,
                images.to_str().context("the checkpoint directory's name is not UTF-8")?.to_owned(),
            ));
            agent_env.push((ENV_OUTCOME, self.outcome_file().to_string_lossy().into_owned()));
            agent_env.push((ENV_CORES, self.cores().to_string()));
        }
        let name = self.name();
        let placement = Placement {
            job: &name,
            segment: self.epoch,
            cores,
            cgroup_parent: Some(&parent),
            runtime,
            framework_env: &self.config.framework_env,
            agent_env: &agent_env,
        };
        let body: Value = create::body(&self.config.spec, &placement)?;
        self.docker.create(&name, &body).await.context("creating the container")
    }

    /// The limit to begin with, in cores.
    pub fn cores(&self) -> f64 {
        container::limit(self.config.cpus, self.config.cpu_factor, self.node.cores) * self.config.cpu_factor
    }

    /// Where the OCI runtime entry tells how a restore went.
    pub fn outcome_file(&self) -> std::path::PathBuf {
        self.local.join("outcome.json")
    }

    /// The job runs: everything is written down, and the supervisor told.
    pub async fn running(
        &self,
        job: ContainerJob,
        execution: Execution,
        base: f64,
        restored: Option<u64>,
        since: f64,
    ) -> Result<Running> {
        let segment = container::segment(self, &execution, base);
        self.note(&job, &execution, base, false)?;
        self.reporter.send(segment.words.start(&self.start(base, restored), segment.limit));
        // A kill before it is on disk loses it; the next agent finds then that nobody may have been told. The job waits for
        // none of that: what it is asked from here on must find it running.
        let (reporter, local, epoch) = (self.reporter.clone(), self.local.clone(), self.epoch);
        tokio::spawn(async move {
            if reporter.store().await
                && let Err(error) = records::note_told(&local, epoch)
            {
                tracing::warn!("a start may be told twice: {error:#}");
            }
        });
        let follower = output::follow(self.docker.clone(), job.id.clone(), since, job.tty);
        Ok(Running { job, segment, execution, restored, follower })
    }

    /// What is told of the start of a segment.
    pub fn start(&self, base: f64, restored: Option<u64>) -> Start {
        let checkpoints = self.abilities.is_ok();
        let (container, task) = (Some(self.name()), self.config.task.clone());
        Start { base, restored, runtime: "docker", checkpoints, container, task }
    }

    /// Writes down on this node what runs.
    pub fn note(&self, job: &ContainerJob, execution: &Execution, base: f64, dumping: bool) -> Result<()> {
        let nanoseconds = |time: std::time::Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let record = records::Segment {
            epoch: self.epoch,
            container: job.id.clone(),
            group: job.group.clone(),
            execution: execution.clone(),
            base,
            zero_ns: (nanoseconds(job.zero.total), nanoseconds(job.zero.user)),
            dumping,
        };
        record.store(&self.local)
    }
}
