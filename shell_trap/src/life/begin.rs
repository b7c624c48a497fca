//! The start: what is there already, what can be restored, and else anew.

use anyhow::{Context as _, Result};
use serde_json::Value;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::container::{self, Context};
use super::leftovers::Found;
use super::records::{self, Execution, Finished};
use super::{Segment, TRY_AGAIN, output};
use crate::cgroup::CpuTime;
use crate::checkpoint::generations::{self, Generation};
use crate::clock;
use crate::config::NoRestore;
use crate::docker::create::{self, ENV_OUTCOME, ENV_RESTORE, Placement};
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
        if let Some(finished) = Finished::load(&self.job_dir)? {
            self.remove_leftovers().await?;
            return Ok(Begun::Finished(finished));
        }
        match self.take_up(predecessor).await? {
            Some(Found::Running(running)) => return Ok(Begun::Running(running)),
            Some(Found::Finished(finished)) => {
                finished.store(&self.job_dir)?;
                self.remove_leftovers().await?;
                records::clear(&self.job_dir);
                return Ok(Begun::Finished(finished));
            }
            None => {}
        }
        self.remove_leftovers().await?;
        generations::prune(&self.job_dir, None)?;
        let execution = Execution::load(&self.job_dir);
        let candidates = match &execution {
            Some(_) => generations::numbers(&self.job_dir)?,
            None => Vec::new(),
        };
        if let (Err(why), false, NoRestore::Refuse) = (&self.abilities, candidates.is_empty(), self.config.no_restore) {
            tracing::error!(
                "this job has checkpoints, and this node cannot restore: {why}; trying elsewhere loses nothing \
                (SHELL_TRAP_NO_RESTORE=fresh starts anew instead)"
            );
            return Ok(Begun::Over(TRY_AGAIN));
        }
        self.docker
            .need_image(
                self.config.spec.image.as_deref().unwrap_or_default(),
                self.config.spec.force_pull && candidates.is_empty(),
            )
            .await
            .context("the image")?;
        if let Some(execution) = execution.filter(|_| self.abilities.is_ok()) {
            for number in candidates {
                match self.restore_one(number, &execution).await {
                    Ok(Some(running)) => return Ok(Begun::Running(Box::new(running))),
                    Ok(None) => {}
                    Err(error) => tracing::error!(generation = number, "cannot be restored: {error:#}"),
                }
            }
        }
        self.fresh().await.map(|running| Begun::Running(Box::new(running)))
    }

    /// Verifies and restores one generation, with a second attempt. `None` when it is of an earlier execution.
    async fn restore_one(&self, number: u64, execution: &Execution) -> Result<Option<Running>> {
        let (job_dir, name) = (self.job_dir.clone(), self.name());
        let generation = tokio::task::spawn_blocking(move || generations::open(&job_dir, &name, number)).await??;
        if generation.manifest.execution != execution.execution {
            return Ok(None);
        }
        let began = Instant::now();
        let (job, created) = match self.restore(&generation).await {
            Ok(done) => done,
            Err(error) => {
                tracing::warn!(generation = number, "the first attempt to restore failed: {error:#}");
                self.remove_leftovers().await?;
                match self.restore(&generation).await {
                    Ok(done) => done,
                    Err(error) => {
                        self.remove_leftovers().await?;
                        return Err(error);
                    }
                }
            }
        };
        tracing::info!(
            generation = number,
            bytes = generation.manifest.size(),
            took_ms = began.elapsed().as_millis() as u64,
            "restored"
        );
        let base = generation.manifest.cpu_seconds;
        self.running(job, execution.clone(), base, Some(number), created).await.map(Some)
    }

    /// Starts the program from its beginning.
    async fn fresh(&self) -> Result<Running> {
        let execution = Execution::begin();
        if !generations::numbers(&self.job_dir)?.is_empty() {
            tracing::error!("no checkpoint could be restored: the job starts anew, its work so far is lost");
        }
        execution.store(&self.job_dir)?;
        let limit = container::limit(self.config.cpus, self.config.cpu_factor, self.node.cores);
        let id = self.create(limit * self.config.cpu_factor, None).await?;
        let since = clock::unix_seconds();
        if let Err(error) = self.docker.start(&id, None, crate::docker::SLOW).await {
            let _ = self.docker.remove(&id).await;
            return Err(error).context("starting the container");
        }
        let container = self.docker.inspect(&id).await?;
        let group = self.group().path;
        let job = ContainerJob::new(
            self.docker.clone(),
            id,
            self.node.cores,
            container.config.tty,
            self.cgroups.clone(),
            group,
            CpuTime::default(),
        );
        tracing::info!(container = %job.id, "started anew");
        self.running(job, execution, 0.0, None, since).await
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
        if restored.is_none() && base == 0.0 {
            self.reporter.send(segment.words.init(execution.started_at));
        }
        let start = Start {
            base,
            restored,
            runtime: "docker",
            checkpoints: self.abilities.is_ok(),
            container: Some(self.name()),
        };
        self.reporter.send(segment.words.start(&start, segment.limit));
        let follower = output::follow(self.docker.clone(), job.id.clone(), since, job.tty);
        Ok(Running { job, segment, execution, restored, follower })
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
