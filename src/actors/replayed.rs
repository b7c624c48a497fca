//! The living jobs, as their log tells of them: what a start goes on from.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::thread;

use super::cluster::ClusterHead;
use super::snapshots::Believed;
use super::start::StartError;
use crate::events::cluster::ClusterEvent;
use crate::events::envelope::{StoredEvent, StreamId, Version};
use crate::events::job::{self, JobEvent};
use crate::events::store::{EventLog, Reading, SnapshotError, SnapshotFile};
use crate::events::upcast::Upcasters;
use crate::qos::ids::JobId;
use crate::qos::job::{JobState, Recorded};

/// More threads than these would only wait for the disk.
const MOST_READERS: usize = 4;

/// What the log adds up to.
#[derive(Default)]
pub struct Replayed {
    /// The states of all jobs that are not over.
    pub jobs: BTreeMap<JobId, JobState>,
    /// The end of the cluster's stream.
    pub cluster: ClusterHead,
    /// From which versions on the streams were folded, of those jobs that had a snapshot which fits the log.
    pub believed: BTreeMap<JobId, u64>,
    /// How many events of jobs were folded.
    pub events: u64,
}

/// Reads `log`, which nobody writes to yet: what several threads read is one log. Of the jobs that have a snapshot only what came after it.
///
/// # Errors
/// When the log cannot be read, or holds what this program does not know.
pub fn replay(log: &EventLog, snapshots: &SnapshotFile) -> Result<Replayed, StartError> {
    refuse_others(snapshots);
    let of = thread::available_parallelism().map_or(1, NonZeroUsize::get).min(MOST_READERS);
    thread::scope(|scope| {
        let shares = (0..of).map(|number| {
            scope.spawn(move || log.read_consistently(|reading| replay_share(reading, snapshots, (number, of))))
        });
        let shares: Vec<_> = shares.collect();
        let mut all = Replayed::default();
        for (number, share) in shares.into_iter().enumerate() {
            let share = share.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
            all.jobs.extend(share.jobs);
            all.believed.extend(share.believed);
            all.events += share.events;
            if number == 0 {
                all.cluster = share.cluster;
            }
        }
        Ok(all)
    })
}

/// A file that is not of this program, or damaged, has no snapshots for it, now or later.
fn refuse_others(snapshots: &SnapshotFile) {
    match snapshots.open() {
        Ok(_) => return,
        Err(error @ SnapshotError::Other { .. }) => {
            tracing::info!(%error, "the snapshots are not used: the log is read from its beginning");
        }
        Err(error) => tracing::warn!(%error, "the snapshots are not used: the log is read from its beginning"),
    }
    snapshots.remove().unwrap_or_else(|error| tracing::warn!(%error, "the snapshots cannot be deleted"));
}

/// Every so-many-th living job, and with the first ones the end of the cluster's stream.
fn replay_share(
    log: &Reading<'_>,
    snapshots: &SnapshotFile,
    (number, of): (usize, usize),
) -> Result<Replayed, StartError> {
    let (upcasters, mut believed) = (job::upcasters(), Believed::of(snapshots));
    let mut share = Replayed::default();
    if number == 0 {
        share.cluster = cluster_head(log)?;
    }
    for job in log.active_jobs()?.into_iter().skip(number).step_by(of) {
        let mut state = believed.state(job, log)?;
        let from = state.as_ref().map_or(0, |state| state.version);
        if state.is_some() {
            share.believed.insert(job, from);
        }
        log.for_each_after(StreamId::Job(job), Version(from), |stored| -> Result<(), StartError> {
            share.events += 1;
            JobState::follow(&mut state, &recorded(&upcasters, stored)?);
            Ok(())
        })?;
        share.jobs.extend(state.map(|state| (job, state)));
    }
    Ok(share)
}

fn cluster_head(log: &Reading<'_>) -> Result<ClusterHead, StartError> {
    let mut head = ClusterHead::default();
    log.newest_of(StreamId::Cluster, |stored| -> Result<(), StartError> {
        let event = ClusterEvent::decode(&stored.kind, &stored.data);
        let (round, nodes) = event.map_err(|source| StartError::Decode { seq: stored.seq.0, source })?.head();
        head = ClusterHead { version: stored.version, round, nodes };
        Ok(())
    })?;
    Ok(head)
}

/// The stored event as the rules take it.
pub(super) fn recorded(upcasters: &Upcasters, stored: &StoredEvent) -> Result<Recorded, StartError> {
    let data = upcasters.newest(stored)?;
    let event =
        JobEvent::decode(&stored.kind, &data).map_err(|source| StartError::Decode { seq: stored.seq.0, source })?;
    Ok(Recorded { version: stored.version.0, at: stored.at, event })
}
