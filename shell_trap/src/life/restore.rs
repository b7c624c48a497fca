//! One attempt to restore a generation that verified.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use super::container::Context;
use crate::aside::aside;
use crate::cgroup::CpuTime;
use crate::checkpoint::generations::Generation;
use crate::docker::SLOW;
use crate::layer::unpack;
use crate::oci;
use crate::restore::{RestorePath, engine};
use crate::runtime::docker::{ContainerJob, kill_group};
use crate::{clock, stat};

impl Context {
    /// Makes a container, gives it the writable layer and starts it from the images: with all cores, as a restore works
    /// inside the container's own limit, which is lowered when the program goes on. Also gives the instant from which its output is new.
    pub async fn restore(&self, generation: &Generation) -> Result<(ContainerJob, f64)> {
        let abilities = self.abilities.as_ref().map_err(|why| anyhow::anyhow!("{why}"))?;
        let id = self.create(self.node.cores, Some(generation)).await?;
        let container = self.docker.inspect(&id).await?;
        let upper = container.upper_dir().context("Docker tells no directory of the writable layer")?;
        let layer = generation.layer();
        aside(move || unpack::unpack(&layer, &upper)).await.context("the writable layer")?;
        let since = clock::unix_seconds();
        let group = self.group().path;
        // An attempt that failed may have left something in it.
        let before = self.cgroups.cpu_time(&self.cgroups.directory(&group)).unwrap_or_default();
        let limit = oci::deadline(generation.manifest.size());
        let started = match &abilities.restore {
            RestorePath::Runtime(_) => {
                let _ = std::fs::remove_file(self.outcome_file());
                // The entry has the deadline; this is for an entry that hangs itself.
                self.docker.start(&id, None, limit + SLOW).await.map_err(anyhow::Error::from)
            }
            RestorePath::Engine => {
                engine::start(&self.docker, &self.node.docker_root_dir, &id, &generation.images(), limit).await
            }
        };
        if let Err(error) = started {
            // It may run on although the start is reported as failed.
            kill_group(&self.cgroups, &self.cgroups.directory(&group));
            return Err(error).context(self.last_words(&id).await);
        }
        let zero = match oci::read_outcome(&self.outcome_file()) {
            Ok(outcome) if matches!(abilities.restore, RestorePath::Runtime(_)) => {
                if !outcome.in_time {
                    tracing::warn!(
                        "CRIU did not say when the program went on: some of its first CPU time is not counted"
                    );
                }
                CpuTime {
                    total: before.total + Duration::from_nanos(outcome.restore_cpu_ns),
                    user: before.user + Duration::from_nanos(outcome.restore_user_ns),
                }
            }
            _ => self.without_the_program(&group, before),
        };
        let state = self.docker.inspect(&id).await?.state;
        ensure!(
            // A program that a signal ended in this moment may have met another processor than the one that it came from.
            state.running || state.has_exited() && state.exit_code <= 128,
            "the container is {} after the restore: {}",
            state.status,
            state.error
        );
        // One that has ended meanwhile needs no limit.
        if state.running
            && let Err(error) = self.docker.set_cores(&id, self.cores()).await
            && !self.docker.inspect(&id).await?.state.has_exited()
        {
            return Err(error).context("setting the limit");
        }
        let tty = container.config.tty;
        let job = ContainerJob::new(self.docker.clone(), id, self.node.cores, tty, self.cgroups.clone(), group, zero);
        Ok((job, since))
    }

    /// The counters of a group in which a program goes on since nobody knows when, less what its processes have used by their
    /// own clocks, which began with the restore, and their children that have ended. What CRIU does in these processes is taken for the program's: some
    /// milliseconds, and some hundredths of a second for 100 MB.
    fn without_the_program(&self, group: &str, before: CpuTime) -> CpuTime {
        let directory = self.cgroups.directory(group);
        let now = self.cgroups.cpu_time(&directory).unwrap_or_default();
        let members = self.cgroups.all_members(&directory);
        let used = |pid: i32| [stat::cpu_clock(pid), stat::cpu_of_children(pid)].into_iter().flatten();
        let own: Duration = members.into_iter().flat_map(used).sum();
        let total = now.total.saturating_sub(own).max(before.total);
        CpuTime { total, user: now.user.saturating_sub(own).max(before.user).min(total) }
    }

    /// How a container ended that was just restored, for the operator.
    async fn last_words(&self, id: &str) -> String {
        let state = self.docker.inspect(id).await.map(|container| container.state).unwrap_or_default();
        let mut said = Vec::new();
        if let Ok(mut logs) = self.docker.logs(id, false, 0.0, true).await {
            while let Ok(Some(pieces)) = logs.next().await {
                pieces.into_iter().for_each(|(_, piece)| said.extend(piece));
                let long = said.len().saturating_sub(300);
                said.drain(..long);
            }
        }
        let said = String::from_utf8_lossy(&said).escape_debug().to_string();
        format!(
            "starting from the checkpoint (container {}, exit code {}, output {said:?})",
            state.status, state.exit_code
        )
    }
}
