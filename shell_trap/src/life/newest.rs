//! Which checkpoint is restored: the newest that can be.

use anyhow::Result;
use tokio::time::Instant;

use super::begin::Running;
use super::container::Context;
use super::records::{Execution, Failure, Failures};
use crate::checkpoint::generations::{self, Generation};
use crate::checkpoint::manifest::Newer;
use crate::config::NoRestore;
use crate::docker::DockerError;
use crate::{clock, files};

/// So many tasks must have failed with a generation that verified before it is given up.
const MOST_FAILURES: usize = 3;

/// How the attempts to restore went.
pub enum Restoring {
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
    /// Tries the generations of the last execution, the newest first. Damaged ones are passed over. One that is whole and
    /// cannot be restored is left alone for other nodes, until several tasks have failed with it.
    pub async fn restore_newest(&self) -> Result<Restoring> {
        let mut execution = self.shared(Execution::load).await?;
        let mut failures = self.shared(Failures::load).await?;
        let mut image_is_here = false;
        for number in self.shared(generations::numbers).await? {
            let failed = failures.of(number);
            if failed >= MOST_FAILURES {
                tracing::error!(generation = number, "{failed} tasks could not restore it: passed over");
                continue;
            }
            let name = self.name();
            let opened = self.shared(move |job_dir| generations::open(job_dir, &name, number)).await;
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
                Err(error) => match self.failed(number, &mut failures, &error).await? {
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
                    self.shared(Failures::forget).await?;
                    return Ok(Restoring::Restored(Box::new(running)));
                }
                // Nothing was tried.
                Err(error) if matches!(error.downcast_ref(), Some(DockerError::Unreachable(_))) => return Err(error),
                Err(error) => match self.failed(number, &mut failures, &error).await? {
                    Verdict::Elsewhere => return Ok(Restoring::Elsewhere),
                    Verdict::Older => {}
                },
            }
        }
        Ok(Restoring::Nothing)
    }

    /// A generation that may well be whole cannot be restored here.
    async fn failed(&self, number: u64, failures: &mut Failures, error: &anyhow::Error) -> Result<Verdict> {
        tracing::error!(generation = number, "cannot be restored: {error:#}");
        if self.config.no_restore == NoRestore::Fresh {
            return Ok(Verdict::Older);
        }
        let failure = Failure { node: self.node.identity(), at: clock::unix_seconds() };
        failures.add(number, failure, self.config.restore_patience);
        let known = failures.clone();
        self.shared(move |job_dir| known.store(job_dir)).await?;
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
}
