//! The thread that writes snapshots. It takes them from the states that readers see, which are on disk: no actor waits for it or tells it
//! anything, and nothing queues up.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::encode;
use crate::actors::directory::Directory;
use crate::events::envelope::{StreamId, Version};
use crate::events::store::{EventLog, ReadError, Snapshot, SnapshotError, SnapshotFile, Snapshots};
use crate::qos::ids::JobId;
use crate::qos::job::JobState;

/// Between two looks at all jobs.
const EVERY: Duration = Duration::from_secs(60);

/// So many events more than its snapshot a job has when another is made, so that a start after a kill has as few to fold.
const GROWN: u64 = 16;

/// The same when the supervisor stops: the next start is near. To fold as many takes about as long as to read a snapshot.
pub(super) const GROWN_AT_THE_END: u64 = 8;

/// So many snapshots are written together.
const BATCH: usize = 64;

/// Between two batches, so that thousands of jobs do not take a processor from those who decide.
const PAUSE: Duration = Duration::from_millis(20);

/// So long a supervisor that stops waits for its snapshots. The jobs that gain most from one come first.
const AT_THE_END: Duration = Duration::from_secs(5);

/// Keeps the snapshots of a running supervisor's jobs.
pub struct Keeper {
    stop: Sender<()>,
    thread: JoinHandle<()>,
}

impl Keeper {
    /// Begins to keep snapshots of the jobs in `directory`, of which `believed` are those in `file` that fit `log`, by their versions. One that is
    /// dropped writes nothing more.
    ///
    /// # Errors
    /// When the system has no thread for it.
    pub fn start(
        file: SnapshotFile,
        log: EventLog,
        directory: Directory,
        believed: BTreeMap<JobId, u64>,
    ) -> io::Result<Self> {
        let (stop, stopped) = channel();
        let thread = std::thread::Builder::new().name("snapshots".to_owned());
        let thread = thread.spawn(move || {
            let mut keeping = Keeping::new(file, log, believed);
            let mut patience = Patience { stopped, in_order: None };
            loop {
                keeping.look(&directory.states(), GROWN, || patience.lasts(PAUSE));
                if !patience.lasts(EVERY) {
                    break;
                }
            }
            if patience.in_order == Some(true) {
                let end = Instant::now() + AT_THE_END;
                keeping.look(&directory.states(), GROWN_AT_THE_END, || Instant::now() < end);
            }
        })?;
        Ok(Keeper { stop, thread })
    }

    /// Writes the last ones, for a few seconds at most.
    pub async fn stop(self) {
        let Keeper { stop, thread } = self;
        let ended = tokio::task::spawn_blocking(move || {
            // One that has ended by itself needs not be told.
            let _ended = stop.send(());
            thread.join().is_ok()
        });
        if !ended.await.unwrap_or(false) {
            tracing::error!("the thread that keeps snapshots has panicked");
        }
    }
}

/// Until when to go on.
struct Patience {
    stopped: Receiver<()>,
    /// Whether it was asked for the end, or nobody is left to ask.
    in_order: Option<bool>,
}

impl Patience {
    /// Waits; false when it is the end.
    fn lasts(&mut self, time: Duration) -> bool {
        if self.in_order.is_none() {
            self.in_order = match self.stopped.recv_timeout(time) {
                Ok(()) => Some(true),
                Err(RecvTimeoutError::Disconnected) => Some(false),
                Err(RecvTimeoutError::Timeout) => None,
            };
        }
        self.in_order.is_none()
    }
}

/// Why no snapshot could be written.
#[derive(Debug, thiserror::Error)]
enum KeepError {
    #[error(transparent)]
    Snapshots(#[from] SnapshotError),
    #[error(transparent)]
    Log(#[from] ReadError),
}

/// What is kept.
pub(super) struct Keeping {
    file: SnapshotFile,
    log: EventLog,
    /// The versions of the snapshots that fit the log.
    kept: BTreeMap<JobId, u64>,
    /// The file holds nothing else.
    tidy: bool,
    /// The last attempt failed.
    failing: bool,
}

impl Keeping {
    /// As [`Keeper::start`].
    pub(super) fn new(file: SnapshotFile, log: EventLog, believed: BTreeMap<JobId, u64>) -> Self {
        Keeping { file, log, kept: believed, tidy: false, failing: false }
    }

    /// Makes snapshots of the living jobs that have grown by so many events, as long as `goes_on` says so between two batches, and drops those of
    /// jobs that no longer live. What fails is told once; the next look begins with a new file.
    pub(super) fn look(&mut self, living: &[Arc<JobState>], grown: u64, goes_on: impl FnMut() -> bool) {
        let failed = self.write(living, grown, goes_on).err();
        if let Some(error) = &failed {
            if !self.failing {
                tracing::warn!(%error, "snapshots cannot be kept: a start reads the log from its beginning");
            }
            self.kept.clear();
            let removed = self.file.remove();
            removed.unwrap_or_else(|error| tracing::debug!(%error, "nor can those that there are be deleted"));
        }
        self.failing = failed.is_some();
    }

    fn write(
        &mut self,
        living: &[Arc<JobState>],
        grown: u64,
        mut goes_on: impl FnMut() -> bool,
    ) -> Result<(), KeepError> {
        let living: BTreeMap<JobId, &Arc<JobState>> =
            living.iter().filter(|state| !state.is_finished()).map(|state| (state.registered.job, state)).collect();
        let nothing_over = self.kept.keys().all(|job| living.contains_key(job));
        let nothing_due = self.due(&living, grown).is_empty();
        if nothing_due && nothing_over && (self.tidy || self.file.open().is_ok_and(|file| file.is_none())) {
            return Ok(());
        }
        let mut snapshots = self.file.open_or_make()?;
        self.tidy_up(&mut snapshots, &living)?;
        // Again: somebody may have deleted the file.
        for batch in self.due(&living, grown).chunks(BATCH) {
            self.put(&mut snapshots, batch)?;
            if !goes_on() {
                break;
            }
        }
        Ok(())
    }

    /// Whose snapshot is missing or old: who has grown most comes first.
    fn due(&self, living: &BTreeMap<JobId, &Arc<JobState>>, grown: u64) -> Vec<Arc<JobState>> {
        let growth =
            |job: &JobId, state: &JobState| state.version.saturating_sub(self.kept.get(job).copied().unwrap_or(0));
        let due = living.iter().map(|(job, state)| (growth(job, state), *state));
        let mut due: Vec<_> = due.filter(|(growth, _)| *growth >= grown).collect();
        due.sort_by_key(|(growth, _)| Reverse(*growth));
        due.into_iter().map(|(_, state)| Arc::clone(state)).collect()
    }

    /// Drops what is of no living job, or does not fit the log.
    fn tidy_up(
        &mut self,
        snapshots: &mut Snapshots,
        living: &BTreeMap<JobId, &Arc<JobState>>,
    ) -> Result<(), KeepError> {
        let there = snapshots.streams()?;
        let of_jobs: BTreeSet<JobId> = there.iter().filter_map(StreamId::job).collect();
        self.kept.retain(|job, _| living.contains_key(job) && of_jobs.contains(job));
        let is_kept = |stream: &StreamId| stream.job().is_some_and(|job| self.kept.contains_key(&job));
        let unwanted: Vec<StreamId> = there.into_iter().filter(|stream| !is_kept(stream)).collect();
        if !unwanted.is_empty() {
            snapshots.forget(&unwanted)?;
        }
        self.tidy = true;
        Ok(())
    }

    fn put(&mut self, snapshots: &mut Snapshots, batch: &[Arc<JobState>]) -> Result<(), KeepError> {
        let hashes = self.log.read_consistently(|log| {
            let hashes = batch.iter().map(|state| log.hash_of(state.registered.job.into(), Version(state.version)));
            hashes.collect::<Result<Vec<_>, ReadError>>()
        })?;
        let mut written = Vec::with_capacity(batch.len());
        for (state, hash) in batch.iter().zip(hashes) {
            // What cannot be written is no snapshot; what is not in the log is no state.
            if let (Some(hash), Ok(text)) = (hash, encode(state)) {
                let snapshot = Snapshot { version: Version(state.version), hash, state: text };
                written.push((state.registered.job.into(), snapshot));
            }
        }
        snapshots.put(&written)?;
        self.kept.extend(batch.iter().map(|state| (state.registered.job, state.version)));
        Ok(())
    }
}
