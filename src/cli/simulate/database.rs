//! The events of a simulated run as an event log, written as a supervisor writes its own.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::Context as _;

use crate::actors::commit;
use crate::events::store::{DATABASE, EventStore, OfflineLog, StoreOptions};
use crate::qos::ids::JobId;
use crate::qos::job::{EffectKey, JobState};
use crate::simulation::outcome::Batch;

/// Writes `batches` into the new event log `path`.
///
/// # Errors
/// When `path` exists already or cannot be written.
pub fn write(path: &Path, batches: Vec<Batch>) -> anyhow::Result<()> {
    let dir = tempfile::tempdir().context("a temporary directory")?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start")?;
    runtime.block_on(async {
        let store = EventStore::open(dir.path(), StoreOptions::default())?;
        let appended = append_all(&store, batches).await;
        store.close().await;
        appended
    })?;
    OfflineLog::open(&dir.path().join(DATABASE))?.backup_to(path).with_context(|| path.display().to_string())
}

async fn append_all(store: &EventStore, batches: Vec<Batch>) -> anyhow::Result<()> {
    let mut jobs: BTreeMap<JobId, (Option<JobState>, BTreeSet<EffectKey>)> = BTreeMap::new();
    for Batch { job, at, events } in batches {
        let (state, pending) = jobs.entry(job).or_default();
        let next =
            commit::advance(state.as_ref(), &events, at).context("a job's events begin with its registration")?;
        let append = commit::append(job, state.as_ref(), &next, &events, pending, None, at)?;
        store.log().append(append).await?;
        *state = Some(next);
    }
    Ok(())
}
