//! Which snapshots a start believes.

use super::decode;
use crate::events::envelope::{StreamId, Version};
use crate::events::store::{ReadError, Reading, Snapshot, SnapshotFile, Snapshots};
use crate::qos::ids::JobId;
use crate::qos::job::JobState;

/// The snapshots of a data directory, each of which has to prove that it fits the log.
pub struct Believed {
    file: SnapshotFile,
    open: Option<Snapshots>,
}

impl Believed {
    /// Those in `file`. When it cannot be used there are none.
    pub fn of(file: &SnapshotFile) -> Self {
        let open = file.open().unwrap_or_else(|error| {
            tracing::debug!(%error, "no snapshots: the log is read from its beginning");
            None
        });
        Believed { file: file.clone(), open }
    }

    /// The state of `job` after one of the events in the log, which its version tells; none when the log has to be folded from the job's first
    /// event.
    ///
    /// # Errors
    /// When the log cannot be read. What is wrong with a snapshot is no error.
    pub fn state(&mut self, job: JobId, log: &Reading<'_>) -> Result<Option<JobState>, ReadError> {
        let Some(snapshots) = &self.open else { return Ok(None) };
        let stream = StreamId::Job(job);
        let snapshot = match snapshots.get(stream) {
            Ok(Some(snapshot)) => snapshot,
            Ok(None) => return Ok(None),
            Err(error) => {
                tracing::warn!(%error, "the snapshots cannot be read: the rest of the log is read from its beginning");
                self.open = None;
                // What is damaged in one place may be so in others. It is only a cache.
                self.file.remove().unwrap_or_else(|error| tracing::warn!(%error, "and not be deleted"));
                return Ok(None);
            }
        };
        // The hash stands for this event and all before it. There is none of this version in a log that was restored from before.
        if log.hash_of(stream, snapshot.version)? != Some(snapshot.hash) {
            tracing::debug!(%job, version = %snapshot.version, "a snapshot is of another log");
            return Ok(None);
        }
        Ok(fitting(job, &snapshot))
    }
}

fn fitting(job: JobId, snapshot: &Snapshot) -> Option<JobState> {
    match decode(&snapshot.state) {
        Ok(state) if state.registered.job == job && Version(state.version) == snapshot.version => Some(state),
        Ok(_) => {
            tracing::debug!(%job, "a snapshot is of another job or version");
            None
        }
        Err(error) => {
            tracing::debug!(%job, %error, "a snapshot is not used");
            None
        }
    }
}
