//! What earlier agents of this job left on this node: a container that still runs is taken up with all its work; one
//! that has ended meanwhile is reported; anything else is removed.

use std::time::Duration;

use anyhow::{Context as _, Result};

use super::begin::Running;
use super::container::Context;
use super::records::{self, Execution, Finished, Segment};
use crate::cgroup::CpuTime;
use crate::checkpoint::generations;
use crate::docker::create::LABEL_JOB;
use crate::lease::{self, Predecessor};
use crate::report::messages::End;
use crate::runtime::Running as _;
use crate::runtime::docker::{ContainerJob, end_groups, kill_group, kill_tracers};
use crate::{clock, compat, groups};

/// What was found.
pub enum Found {
    /// It goes on.
    Running(Box<Running>),
    /// It has ended while nobody watched.
    Finished(Finished),
}

/// Signals by which others end a program: of these it is not known that the program ended by itself.
fn by_itself(exit_code: i64, oom_killed: bool) -> bool {
    oom_killed || ![128 + 9, 128 + 15].contains(&exit_code)
}

impl Context {
    /// Looks for the container of the last segment, if that ran on this node, and takes it up.
    pub async fn take_up(&self, predecessor: Option<&Predecessor>) -> Result<Option<Found>> {
        let (Some(predecessor), Some(record)) = (predecessor, Segment::load(&self.local)?) else { return Ok(None) };
        let us = lease::this_process(&self.node.identity(), None);
        let last = &predecessor.record;
        // Of an older segment the container holds what has been overtaken elsewhere. Agents that took the job here and
        // were killed before they did anything have overtaken nothing.
        let ours = last.held_since_on(&us.node, self.epoch)..=last.epoch;
        if !ours.contains(&record.epoch) || self.published(record.epoch).await? {
            return Ok(None);
        }
        let container = match self.docker.inspect(&record.container).await {
            Ok(container) => container,
            Err(error) if error.is_missing() => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let zero =
            CpuTime { total: Duration::from_nanos(record.zero_ns.0), user: Duration::from_nanos(record.zero_ns.1) };
        let job = ContainerJob::new(
            self.docker.clone(),
            record.container.clone(),
            self.node.cores,
            container.config.tty,
            self.cgroups.clone(),
            record.group.clone(),
            zero,
        );
        if container.state.has_exited() {
            let state = &container.state;
            // A dump that was cut off may have damaged the program.
            if record.dumping && state.exit_code > 128 || !by_itself(state.exit_code, state.oom_killed) {
                return Ok(None);
            }
            tracing::warn!(exit_code = state.exit_code, "the job has ended while no agent watched it");
            self.archive(&record.container, container.config.tty, record.epoch).await;
            self.tell_of(&record).await?;
            let segment = self.segment_of(&record);
            let used = job.cpu_time().unwrap_or_default();
            let end = End { reason: "exited", generation: None, duration_ms: None, detail: None };
            self.reporter.send(segment.words.end(segment.cpu(used), &end));
            // On disk before the end of the job is, after which nobody looks at this segment again.
            self.reporter.store().await;
            return Ok(Some(Found::Finished(Finished {
                execution: record.execution,
                segment: record.epoch,
                finished_at: clock::unix_seconds(),
                exit_code: state.exit_code,
                cpu_seconds: segment.total(used),
            })));
        }
        if !container.state.running {
            return Ok(None);
        }
        self.tell_of(&record).await?;
        // From here on it is this epoch's: should this start be cut off, the next one finds it.
        Segment { epoch: self.epoch, ..record.clone() }.store(&self.local)?;
        self.resume(&job, container.state.pid).await.context("taking up the container of an earlier agent")?;
        let used = job.cpu_time().unwrap_or_default();
        let base = record.base + used.total.as_secs_f64() / self.config.cpu_factor;
        let now = CpuTime { total: zero.total + used.total, user: zero.user + used.user };
        let job = ContainerJob::new(job.docker, job.id, job.node_cores, job.tty, job.cgroups, job.group, now);
        tracing::warn!(container = %job.id, base, "the job still runs here: taken up from an agent that is gone");
        let running = self.running(job, record.execution, base, None, clock::unix_seconds()).await?;
        Ok(Some(Found::Running(Box::new(running))))
    }

    /// The last agent may have been killed before it wrote down, or told anybody, what it had begun.
    async fn tell_of(&self, record: &Segment) -> Result<()> {
        let known = self.shared(Execution::load).await?.is_some_and(|known| known == record.execution);
        if !known {
            self.announce(&record.execution, record.base).await?;
        }
        if records::told(&self.local) < record.epoch {
            let segment = self.segment_of(record);
            self.reporter.send(segment.words.start(&self.start(record.base, None), segment.limit));
        }
        Ok(())
    }

    /// The words and figures of an earlier agent's segment.
    fn segment_of(&self, record: &Segment) -> super::Segment {
        let words = super::words(&self.config, &record.execution, record.epoch);
        super::Segment { words, ..super::container::segment(self, &record.execution, record.base) }
    }

    /// Is there a generation of this segment? Then its container is only waiting to be removed.
    async fn published(&self, segment: u64) -> Result<bool> {
        let name = self.name();
        let newest = self.shared(move |job_dir| {
            let newest = generations::numbers(job_dir)?.first().copied();
            Ok(newest.and_then(|number| generations::open(job_dir, &name, number).ok()))
        });
        Ok(newest.await?.is_some_and(|generation| generation.manifest.segment == segment))
    }

    /// Whatever an unfinished dump has stopped goes on.
    async fn resume(&self, job: &ContainerJob, pid: i32) -> Result<()> {
        if let Ok(group) = self.cgroups.of_process(pid) {
            kill_tracers(&self.cgroups, &group);
        }
        if self.docker.inspect(&job.id).await?.state.paused {
            job.end_pause().await?;
        }
        self.cgroups.thaw(&job.group);
        self.cgroups.thaw_process(pid);
        job.set_cores(self.cores()).await
    }

    /// Removes all containers of the job on this node, and their groups.
    pub async fn remove_leftovers(&self) -> Result<()> {
        self.remove_labelled(None).await?;
        self.remove_groups();
        if let (Some(base), Ok(Some(last))) = (&self.config.mycgroup, Segment::load(&self.local)) {
            compat::forget(base, &last.container);
        }
        Segment::forget(&self.local, self.epoch);
        Ok(())
    }

    /// Removes what this very start has made. Is nothing of the job left on this node then?
    pub async fn remove_own(&self) -> Result<bool> {
        self.remove_labelled(Some(self.epoch)).await?;
        let left = self.docker.labelled(&format!("{LABEL_JOB}={}", self.name())).await?;
        Ok(left.is_empty())
    }

    async fn remove_labelled(&self, only: Option<u64>) -> Result<()> {
        for id in self.docker.labelled(&format!("{LABEL_JOB}={}", self.name())).await? {
            let container = self.docker.inspect(&id).await;
            if only.is_some() && container.as_ref().is_ok_and(|container| container.segment() != only) {
                continue;
            }
            tracing::info!(container = %id, "removing what an earlier agent or attempt left");
            if let Ok(container) = container
                && let Ok(group) = self.cgroups.of_process(container.state.pid)
                && container.state.pid > 0
            {
                kill_tracers(&self.cgroups, &group);
                kill_group(&self.cgroups, &group);
                end_groups(&self.cgroups, &self.groups());
                self.cgroups.thaw_process(container.state.pid);
            }
            self.docker.remove(&id).await.context("removing a leftover container")?;
        }
        Ok(())
    }

    /// Removes the job's empty groups.
    pub fn remove_groups(&self) {
        self.groups().iter().for_each(|group| self.cgroups.remove(group));
        if let (Some(groups::TASK), Some(own)) = (self.config.cgroup_parent.as_deref(), &self.group_parent) {
            self.bases().iter().for_each(|base| self.cgroups.remove_beside(groups::parent_of(base), own));
        }
    }

    /// The groups of this and earlier segments of the job on this node.
    pub fn groups(&self) -> Vec<String> {
        let name = self.name();
        self.bases().iter().flat_map(|base| groups::up_to(&self.cgroups, base, &name, self.epoch)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_others_killed_has_not_ended_by_itself() {
        assert!(by_itself(0, false) && by_itself(7, false) && by_itself(139, false) && by_itself(137, true));
        assert!(!by_itself(137, false) && !by_itself(143, false));
    }
}
