//! The checkpoint: everything that the job is, on disk in the shared directory, or nothing.

use std::sync::{Arc, Mutex, PoisonError, TryLockError};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use tokio::time::{Instant, timeout_at};

use super::container::Context;
use super::grace::Step;
use super::records::Execution;
use super::{Segment, output};
use crate::aside::aside;
use crate::cgroup::CpuTime;
use crate::checkpoint::manifest::{self, Manifest};
use crate::checkpoint::{criu, dump, generations};
use crate::layer::pack;
use crate::runtime::Running as _;
use crate::runtime::docker::ContainerJob;
use crate::{clock, groups};

/// For the copy of the output; it is also in the task's sandbox.
const ARCHIVING: Duration = Duration::from_secs(2);

/// A published checkpoint.
#[derive(Debug, Clone, Copy)]
pub struct Published {
    /// Number of the generation.
    pub generation: u64,
    /// CPU time of the segment in it.
    pub time: CpuTime,
}

impl Context {
    /// Freezes the container and publishes a generation, within `deadline`. Afterwards the container stands still when
    /// that succeeded, and else is in whatever state it was left.
    ///
    /// # Errors
    /// Why there is no generation; [`Undecided`] when there may be one.
    pub async fn checkpoint(
        &self,
        job: &ContainerJob,
        segment: &Segment,
        execution: &Execution,
        deadline: Instant,
    ) -> Result<Published> {
        let sealed = Sealed::default();
        match timeout_at(deadline, self.attempt(job, segment, execution, deadline, &sealed.0)).await {
            Ok(done) => done,
            Err(_) => sealed.0.give_up(),
        }
    }

    async fn attempt(
        &self,
        job: &ContainerJob,
        segment: &Segment,
        execution: &Execution,
        deadline: Instant,
        seal: &Seal,
    ) -> Result<Published> {
        let abilities = self.abilities.as_ref().map_err(|why| anyhow::anyhow!("{why}"))?;
        self.note(job, execution, segment.base, true)?;
        if self.config.cgroup_parent.as_deref() == Some(groups::TASK) {
            // Lifted at the start of the task; its framework may have set it again.
            self.cgroups.lift_quota(groups::parent_of(&job.group));
        }
        job.freeze().await?;
        // Frozen: the dump itself is not the job's work.
        let time = job.cpu_time().unwrap_or_default();
        let container = self.docker.inspect(&job.id).await?;
        let upper = container.upper_dir().context("Docker tells no directory of the writable layer")?;
        let (job_dir, epoch) = (self.job_dir.clone(), self.epoch);
        let draft = aside(move || generations::draft(&job_dir, epoch)).await?;
        // Its own end comes first, so that the error is its own.
        let left = deadline.saturating_duration_since(Instant::now());
        let limit = left.saturating_sub(Duration::from_millis(100)).max(Duration::from_millis(50));
        dump::images(&self.docker, &container, abilities.dump, &draft.images(), &self.local.join("dump"), limit)
            .await?;
        let layer = draft.layer();
        aside(move || pack::pack(&upper, &layer)).await.context("saving the writable layer")?;
        let generation = draft.number();
        let mut manifest = Manifest {
            version: manifest::VERSION,
            job: self.name(),
            execution: execution.execution.clone(),
            generation,
            segment: self.epoch,
            cpu_seconds: segment.total(time),
            started_at: execution.started_at,
            dumped_at: clock::unix_seconds(),
            image_id: container.image.clone(),
            tools: self.tools(&abilities.criu.version),
            files: std::collections::BTreeMap::new(),
        };
        let (job_dir, seal) = (self.job_dir.clone(), seal.clone());
        aside(move || {
            manifest.files = manifest::stamp_all(draft.directory())?;
            seal.publish(Published { generation, time }, || match draft.publish(&job_dir, &manifest) {
                // The rename may have been done before the error came.
                Err(error) if generations::numbers(&job_dir).map_or(true, |all| all.contains(&generation)) => {
                    Err(error.context(Undecided))
                }
                other => other.map(drop),
            })
        })
        .await
        .context("publishing the checkpoint")
    }

    /// Copies a segment's output into the shared directory, in a bounded time.
    pub async fn archive(&self, container: &str, tty: bool, segment: u64) {
        let archived = output::archive(&self.docker, container, tty, &self.job_dir, segment);
        let done = self.stop.within(Step::Kept, ARCHIVING, archived).await;
        if let Err(error) = done.unwrap_or_else(|| Err(anyhow::anyhow!("not done in the time that was given"))) {
            // It is also in the task's sandbox; the work itself is more.
            tracing::warn!("the job's output cannot be archived: {error:#}");
        }
    }

    fn tools(&self, criu_version: &str) -> std::collections::BTreeMap<String, String> {
        let tools = [
            ("shell_trap", env!("CARGO_PKG_VERSION").to_owned()),
            ("criu", criu_version.to_owned()),
            ("docker", self.node.server_version.clone()),
            ("kernel", criu::kernel()),
        ];
        tools.into_iter().map(|(name, version)| (name.to_owned(), version)).collect()
    }
}

/// Whether a generation was published when the time was over; file systems cannot be interrupted.
#[derive(Debug, Clone, Default)]
struct Seal(Arc<Mutex<Fate>>);

#[derive(Debug, Default)]
enum Fate {
    #[default]
    Open,
    Published(Published),
    GivenUp,
}

impl Seal {
    /// Publishes, unless it was given up.
    fn publish(&self, published: Published, publish: impl FnOnce() -> Result<()>) -> Result<Published> {
        let mut fate = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        ensure!(!matches!(*fate, Fate::GivenUp), "the time was over before");
        publish()?;
        *fate = Fate::Published(published);
        Ok(published)
    }

    /// Nothing is published from here on.
    fn give_up(&self) -> Result<Published> {
        let mut fate = match self.0.try_lock() {
            Ok(fate) => fate,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            // The very moment of the publishing, which a file server may draw out.
            Err(TryLockError::WouldBlock) => return Err(Undecided.into()),
        };
        match *fate {
            Fate::Published(published) => Ok(published),
            Fate::Open | Fate::GivenUp => {
                *fate = Fate::GivenUp;
                bail!("not done in the time that was given")
            }
        }
    }
}

/// One that is given up when nobody waits for it any more.
#[derive(Debug, Default)]
struct Sealed(Seal);

impl Drop for Sealed {
    fn drop(&mut self) {
        // What is published stays published.
        let _ = self.0.give_up();
    }
}

/// The generation may be published or not: the program must not go on beside it.
#[derive(Debug)]
pub struct Undecided;

impl std::fmt::Display for Undecided {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the shared directory does not say whether the checkpoint is published")
    }
}

impl std::error::Error for Undecided {}

/// What to do after a dump that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// The program has ended in the same moment: that is its end.
    Finished,
    /// There is time for another attempt.
    Retry,
    /// There is not: the job is left running.
    GiveUp,
}

/// Decides by whether the container has ended, what is left of the grace, and how long the failed attempt took.
pub fn after_failure(exited: bool, left: Duration, took: Duration) -> Next {
    // A dump that is cut off may break the program: an attempt that may not come to its end is better not made.
    let needed = (took * 2).max(Duration::from_millis(500));
    match exited {
        true => Next::Finished,
        false if left > needed => Next::Retry,
        false => Next::GiveUp,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_a_failed_dump_the_grace_is_used_up_and_not_more() {
        let ms = Duration::from_millis;
        assert_eq!(after_failure(true, ms(5000), ms(100)), Next::Finished);
        assert_eq!(after_failure(true, ms(0), ms(100)), Next::Finished);
        assert_eq!(after_failure(false, ms(5000), ms(100)), Next::Retry);
        assert_eq!(after_failure(false, ms(299), ms(10)), Next::GiveUp);
        assert_eq!(after_failure(false, ms(1500), ms(2000)), Next::GiveUp);
    }

    #[test]
    fn what_was_given_up_is_not_published_and_what_was_published_is_not_given_up() {
        let published = Published { generation: 3, time: CpuTime::default() };
        let seal = Seal::default();
        assert!(seal.give_up().is_err());
        assert!(seal.publish(published, || panic!("published after all")).is_err());
        let seal = Seal::default();
        assert!(seal.publish(published, || bail!("full")).is_err());
        seal.publish(published, || Ok(())).unwrap();
        assert_eq!(seal.give_up().unwrap().generation, 3);
        let seal = Seal::default();
        let error = seal.publish(published, || seal.give_up().map(drop)).unwrap_err();
        assert!(error.downcast_ref::<Undecided>().is_some(), "{error:#}");
    }
}
