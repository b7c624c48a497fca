//! The start: what is there already, what can be restored, and else anew.

use anyhow::{Context as _, Result};
use serde_json::Value;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::container::{self, Context};
use super::leftovers::Found;
use super::records::{self, Execution, Failure, Failures, Finished};
use super::{Segment, TRY_AGAIN, output};
use crate::cgroup::CpuTime;
use crate::checkpoint::generations::{self, Generation};
use crate::checkpoint::manifest::Newer;
use crate::config::NoRestore;
use crate::docker::DockerError;
use crate::docker::create::{self, ENV_CORES, ENV_OUTCOME, ENV_RESTORE, Placement};
use crate::lease::Predecessor;
use crate::report::messages::Start;
use crate::restore::RestorePath;
use crate::runtime::docker::ContainerJob;
use crate::{clock, files};

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

/// So many tasks must have failed with a generation that verified before it is given up.
const MOST_FAILURES: usize = 3;

/// How the attempts to restore went.
enum Restoring {
    Restored(Box<Running>),
    /// Another task shall try.
    Elsewhere,
    /// There is nothing that could be restored.
    Nothing,
}

/// What follows from a generation that could not be restored.
enum Verdict {
    Elsewhere,
    Older,
}

impl Context {
    /// Finds out what there is to do, and does it. May be dropped at any point: what it has made is labelled.
    pub async fn begin(&self, predecessor: Option<&Predecessor>) -> Result<Begun> {
        if let Some(finished) = Finished::load(&self.job_dir)? {
            self.clear_up().await;
            return Ok(Begun::Finished(finished));
        }
        match self.take_up(predecessor).await? {
            Some(Found::Running(running)) => return Ok(Begun::Running(running)),
            Some(Found::Finished(finished)) => {
                finished.store(&self.job_dir)?;
                self.clear_up().await;
                records::clear(&self.job_dir);
                return Ok(Begun::Finished(finished));
            }
            None => {}
        }
        self.remove_leftovers().await?;
        generations::remove_drafts(&self.job_dir)?;
        match self.restore_newest().await? {
            Restoring::Restored(running) => Ok(Begun::Running(running)),
            Restoring::Elsewhere => Ok(Begun::Over(TRY_AGAIN)),
            Restoring::Nothing => self.fresh().await.map(|running| Begun::Running(Box::new(running))),
        }
    }

    /// The job has ended: what cannot be removed now the next start removes, should there be one.
    async fn clear_up(&self) {
        if let Err(error) = self.remove_leftovers().await {
            tracing::warn!("what is left of the job here cannot be removed: {error:#}");
        }
    }

    /// Tries the generations of the last execution, the newest first. Damaged ones are passed over. One that is whole and
    /// cannot be restored is left alone for other nodes, until several tasks have failed with it.
    async fn restore_newest(&self) -> Result<Restoring> {
        let mut execution = Execution::load(&self.job_dir)?;
        let mut failures = Failures::load(&self.job_dir)?;
        let mut image_is_here = false;
        for number in generations::numbers(&self.job_dir)? {
            let failed = failures.of(number);
            if failed >= MOST_FAILURES {
                tracing::error!(generation = number, "{failed} tasks could not restore it: passed over");
                continue;
            }
            let (job_dir, name) = (self.job_dir.clone(), self.name());
            let opened = tokio::task::spawn_blocking(move || generations::open(&job_dir, &name, number)).await?;
            let generation = match opened {
                Ok(generation) => generation,
                Err(error) if error.downcast_ref::<Newer>().is_some() => {
                    tracing::error!(generation = number, "{error:#}; nothing is thrown away");
                    return Ok(Restoring::Elsewhere);
                }
                Err(error) if !files::is_io(&error) => {
                    tracing::error!(generation = number, "cannot be restored: {error:#}");
                    continue;
                }
                Err(error) => match self.failed(number, &mut failures, &error)? {
                    Verdict::Elsewhere => return Ok(Restoring::Elsewhere),
                    Verdict::Older => continue,
                },
            };
            let execution = execution.get_or_insert_with(|| Execution {
                execution: generation.manifest.execution.clone(),
                started_at: generation.manifest.started_at,
            });
            if generation.manifest.execution != execution.execution {
                continue;
            }
            if let Err(why) = &self.abilities {
                if self.config.no_restore == NoRestore::Fresh {
                    return Ok(Restoring::Nothing);
                }
                tracing::error!(
                    "this job has checkpoints, and this node cannot restore: {why}; trying elsewhere loses nothing \
                    (SHELL_TRAP_NO_RESTORE=fresh starts anew instead)"
                );
                return Ok(Restoring::Elsewhere);
            }
            if !std::mem::replace(&mut image_is_here, true) {
                self.need_image(false).await?;
            }
            match self.restore_one(number, &generation, execution).await {
                Ok(running) => {
                    Failures::forget(&self.job_dir);
                    return Ok(Restoring::Restored(Box::new(running)));
                }
                // Nothing was tried.
                Err(error) if matches!(error.downcast_ref(), Some(DockerError::Unreachable(_))) => return Err(error),
                Err(error) => match self.failed(number, &mut failures, &error)? {
                    Verdict::Elsewhere => return Ok(Restoring::Elsewhere),
                    Verdict::Older => {}
                },
            }
        }
        Ok(Restoring::Nothing)
    }

    /// A generation that may well be whole cannot be restored here.
    fn failed(&self, number: u64, failures: &mut Failures, error: &anyhow::Error) -> Result<Verdict> {
        tracing::error!(generation = number, "cannot be restored: {error:#}");
        if self.config.no_restore == NoRestore::Fresh {
            return Ok(Verdict::Older);
        }
        let failure = Failure { node: self.node.identity(), at: clock::unix_seconds() };
        failures.add(number, failure, self.config.restore_patience, &self.job_dir)?;
        let failed = failures.of(number);
        if failed >= MOST_FAILURES {
            return Ok(Verdict::Older);
        }
        tracing::error!(
            generation = number,
            "nothing is thrown away: {failed} of {MOST_FAILURES} tasks that must fail before it is passed over"
        );
        Ok(Verdict::Elsewhere)
    }

    async fn need_image(&self, always_pull: bool) -> Result<()> {
        let image = self.config.spec.image.as_deref().unwrap_or_default();
        self.docker.need_image(image, always_pull).await.context("the image").map(drop)
    }

    /// Restores one generation that verified, with a second attempt.
    async fn restore_one(&self, number: u64, generation: &Generation, execution: &Execution) -> Result<Running> {
        let began = Instant::now();
        let (job, created) = match self.restore(generation).await {
            Ok(done) => done,
            Err(error) => {
                tracing::warn!(generation = number, "the first attempt to restore failed: {error:#}");
                self.remove_leftovers().await?;
                match self.restore(generation).await {
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
        self.running(job, execution.clone(), generation.manifest.cpu_seconds, Some(number), created).await
    }

    /// Starts the program from its beginning.
    async fn fresh(&self) -> Result<Running> {
        self.need_image(self.config.spec.force_pull).await?;
        let execution = Execution::begin();
        if !generations::numbers(&self.job_dir)?.is_empty() {
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
        if let Err(error) = started.and_then(|()| execution.store(&self.job_dir)) {
            let _ = self.docker.remove(&job.id).await;
            return Err(error);
        }
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
