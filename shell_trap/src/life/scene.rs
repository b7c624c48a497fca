//! What all ends of a container's task look at and do.

use std::time::Duration;

use super::Segment;
use super::container::Context;
use super::grace::Step;
use super::records::{self, Execution};
use crate::docker::{DockerError, SLOW};
use crate::lease::Lease;
use crate::lease::guard::Guard;
use crate::report::messages::End;
use crate::runtime::Running as _;
use crate::runtime::docker::{ContainerJob, end_groups};

/// For one call of Docker while the grace runs.
pub const A_MOMENT: Duration = Duration::from_secs(2);
/// For the removal of a container. Docker goes on with it when nobody waits any more.
const REMOVAL: Duration = Duration::from_secs(10);
/// For giving the lease back.
const RELEASING: Duration = Duration::from_secs(10);

/// A job that ran.
pub struct Scene<'a> {
    pub context: &'a Context,
    pub job: &'a ContainerJob,
    pub segment: &'a Segment,
    pub execution: &'a Execution,
    pub restored: Option<u64>,
}

impl Scene<'_> {
    /// The segment is over, and has used what it has used so far.
    pub fn report(&self, end: &End) {
        let used = self.segment.cpu(self.job.cpu_time().unwrap_or_default());
        self.context.reporter.send(self.segment.words.end(used, end));
    }

    /// Removes the container with all that belongs to it on this node. Whether it is gone.
    pub async fn remove(&self) -> bool {
        // Should the guard have it stand still by now, Docker would wait for its end in vain.
        end_groups(&self.context.cgroups, &self.context.groups());
        let removal = self.context.docker.remove(&self.job.id);
        let removed = self.context.stop.within(Step::Removed, REMOVAL, removal).await;
        if let Err(error) = removed.unwrap_or_else(|| Err(DockerError::Unreachable("no answer".into()))) {
            tracing::warn!("the container cannot be removed, the next task on this node does it: {error}");
            return false;
        }
        self.context.remove_groups();
        records::Segment::forget(&self.context.local, self.context.epoch);
        true
    }

    /// Ends whatever of the job still runs here and removes it, Docker or no Docker. Whether nothing is left that runs.
    pub async fn end_all(&self) -> bool {
        let groups = self.context.groups();
        end_groups(&self.context.cgroups, &groups);
        self.remove().await
            || !groups.iter().any(|group| self.context.cgroups.populated(&self.context.cgroups.directory(group)))
    }
}

impl Context {
    /// Gives the lease back: the next task may start at once.
    pub async fn release(&self, lease: Lease) {
        release(lease, &self.stop).await;
    }

    /// Nothing runs of this start: removes whatever it has made so far, and gives the lease back once nothing is left here.
    /// A container of an earlier start stays for the next task on this node, and with it the guard, which is the only one that
    /// watches it, and the lease, which others wait for.
    pub async fn abandon(&self, guard: Option<Guard>, mut lease: Lease) {
        if matches!(self.stop.within(Step::Removed, SLOW, self.remove_own()).await, Some(Ok(true))) {
            dismiss(guard).await;
            lease.settle();
            self.release(lease).await;
        }
    }
}

/// Gives the lease back, in a bounded time.
pub async fn release(lease: Lease, stop: &super::grace::Stop) {
    let released = stop.within(Step::Released, RELEASING, lease.release()).await;
    if let Err(error) = released.unwrap_or_else(|| Err(anyhow::anyhow!("not done in the time that was given"))) {
        tracing::warn!("the lease cannot be given back, the next start waits for its end: {error:#}");
    }
}

/// Relieves a guard, if there is one.
pub async fn dismiss(guard: Option<Guard>) {
    if let Some(guard) = guard {
        guard.dismiss().await;
    }
}
