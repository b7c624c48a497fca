//! Snapshots of the jobs' states: a cache, by which a start folds the events since them alone. The log stays the only truth; audit, replay,
//! verification and export read nothing else.
//!
//! - here: how a state is written, and which program may read it again
//! - `believed`: which snapshots a start believes
//! - `keeper`: the thread that writes them, beside everything else

mod believed;
mod keeper;
#[cfg(test)]
mod tests;

use std::path::Path;

pub use believed::Believed;
pub use keeper::Keeper;

use crate::events::store::SnapshotFile;
use crate::qos::job::{FOLD_VERSION, JobState};

/// Version of how a state is written here.
const FORMAT: u16 = 1;

/// A digest of the sources of the fold, of the events and of all that a state holds, from `build.rs`.
const SOURCES: &str = env!("FOLD_SOURCES");

/// The snapshots in `data_dir`, as this program writes and believes them.
pub fn file_in(data_dir: &Path) -> SnapshotFile {
    SnapshotFile::new(data_dir, key(FOLD_VERSION, FORMAT))
}

/// What tells the states of this program from those of every other.
fn key(fold: u16, format: u16) -> String {
    format!("mesos-qos {}, fold {fold}, format {format}, sources {SOURCES}", env!("CARGO_PKG_VERSION"))
}

/// Why what was written is not believed to be a state.
#[derive(Debug, thiserror::Error)]
enum DecodeError {
    #[error("it is no state of a job: {0}")]
    Json(#[from] serde_json::Error),
    #[error("it has other fields than a state of a job")]
    Fields,
}

/// A state as text.
fn encode(state: &JobState) -> serde_json::Result<Vec<u8>> {
    serde_json::to_vec(state)
}

/// The state again. One that would be written in another way is none: nothing is left out, and nothing missing is guessed.
fn decode(text: &[u8]) -> Result<JobState, DecodeError> {
    let state: JobState = serde_json::from_slice(text)?;
    if encode(&state)? == text { Ok(state) } else { Err(DecodeError::Fields) }
}
