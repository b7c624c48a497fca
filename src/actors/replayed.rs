//! The living jobs, as their log tells of them: what a start goes on from.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::thread;

use super::cluster::ClusterHead;
use super::start::StartError;
use crate::events::cluster::ClusterEvent;
use crate::events::job::{self, JobEvent};
use crate::events::store::{EventLog, Replay};
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
}

/// Reads `log`, which nobody writes to yet: what several threads read is one log.
///
/// # Errors
/// When it cannot be read, or holds what this program does not know.
pub fn replay(log: &EventLog) -> Result<Replayed, StartError> {
    let of = thread::available_parallelism().map_or(1, NonZeroUsize::get).min(MOST_READERS);
    thread::scope(|scope| {
        let shares: Vec<_> = (0..of).map(|number| scope.spawn(move || replay_share(log, number, of))).collect();
        let mut all = Replayed::default();
        for (number, share) in shares.into_iter().enumerate() {
            let share = share.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
            all.jobs.extend(share.jobs);
            if number == 0 {
                all.cluster = share.cluster;
            }
        }
        Ok(all)
    })
}

fn replay_share(log: &EventLog, number: usize, of: usize) -> Result<Replayed, StartError> {
    let upcasters = job::upcasters();
    let (mut cluster, mut jobs) = (ClusterHead::default(), BTreeMap::<JobId, Option<JobState>>::new());
    log.for_each_event(Replay::ShareOfActiveJobs { number, of }, |stored| -> Result<(), StartError> {
        let Some(id) = stored.stream.job() else {
            let event = ClusterEvent::decode(&stored.kind, &stored.data);
            let (round, nodes) = event.map_err(|source| StartError::Decode { seq: stored.seq.0, source })?.head();
            cluster = ClusterHead { version: stored.version, round, nodes };
            return Ok(());
        };
        let data = upcasters.newest(stored)?;
        let event =
            JobEvent::decode(&stored.kind, &data).map_err(|source| StartError::Decode { seq: stored.seq.0, source })?;
        let recorded = Recorded { version: stored.version.0, at: stored.at, event };
        JobState::follow(jobs.entry(id).or_default(), &recorded);
        Ok(())
    })?;
    let jobs = jobs.into_iter().filter_map(|(id, state)| Some((id, state?))).collect();
    Ok(Replayed { jobs, cluster })
}
