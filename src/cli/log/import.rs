//! An exported log as a database again: the same events with the same hashes.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context as _, bail};
use futures_util::future::join_all;

use crate::actors::commit;
use crate::events::chain::Head;
use crate::events::cluster::{ArbitrationRound, ClusterSized, Compacted};
use crate::events::envelope::{NewEvent, StoredEvent, StreamId, Version};
use crate::events::job::{JobEvent, upcasters};
use crate::events::source::LogSource;
use crate::events::store::{Append, DATABASE, EventStore, OfflineLog, ReadError, Replay, StoreOptions, verify};
use crate::events::upcast::Upcasters;
use crate::qos::ids::JobId;
use crate::qos::job::{EffectKey, JobState};

/// Appends that are under way at once; they go to disk together.
const AT_ONCE: usize = 30;

/// Writes the events of `source` into the new database `to`: the same bytes, the same hashes, and what follows from them for a supervisor that
/// opens it, which is the list of jobs and the effects that wait. Answers to requests and the places of those who read the log are no events.
///
/// # Errors
/// When the chain of `source` does not verify, an event is not known here, or `to` exists or cannot be written.
pub fn import(source: &LogSource, to: &Path) -> anyhow::Result<Head> {
    let report = source.verify(None)?;
    if let Some(fault) = report.fault {
        bail!("{} is not imported: event {}: {}", source.path().display(), fault.seq, fault.reason);
    }
    if to.exists() {
        bail!("{} exists: an import makes a new file", to.display());
    }
    let beside = to.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let dir = tempfile::tempdir_in(beside).with_context(|| beside.display().to_string())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start")?;
    runtime.block_on(fill(source, dir.path()))?;
    OfflineLog::open(&dir.path().join(DATABASE))?.backup_to(to)?;
    let written = verify(to, None)?;
    if written.fault.is_some() || written.head != report.head {
        bail!("{} was written, but its chain is another than that of {}", to.display(), source.path().display());
    }
    Ok(written.head)
}

async fn fill(source: &LogSource, dir: &Path) -> anyhow::Result<()> {
    let store = EventStore::open(dir, StoreOptions::default())?;
    let mut writer = Importer { table: upcasters(), jobs: BTreeMap::new(), cluster: Version::NONE };
    // Events of one transaction share stream and instant; effects follow from them together.
    let mut batches: Vec<Vec<StoredEvent>> = Vec::new();
    source.for_each_event(Replay::Everything, |event| {
        match batches.last_mut() {
            Some(batch) if batch.last().is_some_and(|last| last.stream == event.stream && last.at == event.at) => {
                batch.push(event.clone());
            }
            _ => batches.push(vec![event.clone()]),
        }
        Ok::<(), ReadError>(())
    })?;
    for part in batches.chunks(AT_ONCE) {
        let appends = part.iter().map(|batch| writer.append(batch)).collect::<anyhow::Result<Vec<_>>>()?;
        let log = store.log();
        let appended = join_all(appends.into_iter().map(|append| log.append(append))).await;
        for (batch, appended) in part.iter().zip(appended) {
            let written = appended?;
            let same = written.events.iter().map(|event| (event.seq, event.hash));
            if !same.eq(batch.iter().map(|event| (event.seq, event.hash))) {
                bail!("event {} was written with another hash", batch.first().map_or(0, |event| event.seq.0));
            }
        }
    }
    store.close().await;
    Ok(())
}

struct Importer {
    table: Upcasters,
    jobs: BTreeMap<JobId, (Option<JobState>, BTreeSet<EffectKey>)>,
    cluster: Version,
}

impl Importer {
    fn append(&mut self, batch: &[StoredEvent]) -> anyhow::Result<Append> {
        let first = batch.first().context("an empty batch")?;
        let verbatim = batch.iter().map(verbatim).collect::<anyhow::Result<Vec<_>>>()?;
        let Some(job) = first.stream.job() else {
            let expected = self.cluster;
            self.cluster = batch.last().map_or(expected, |last| last.version);
            return Ok(Append::at(first.at).events(StreamId::Cluster, expected, verbatim));
        };
        let decode = |stored: &StoredEvent| -> anyhow::Result<JobEvent> {
            let data = self.table.newest(stored)?;
            JobEvent::decode(&stored.kind, &data).with_context(|| format!("event {}", stored.seq))
        };
        let events = batch.iter().map(decode).collect::<anyhow::Result<Vec<_>>>()?;
        let (state, pending) = self.jobs.entry(job).or_default();
        let next = commit::advance(state.as_ref(), &events, first.at)
            .with_context(|| format!("job {job} has no registration before event {}", first.seq))?;
        let mut append = commit::append(job, state.as_ref(), &next, &events, pending, None, first.at)?;
        // In their own words, whatever their schema.
        for stream in &mut append.streams {
            stream.events.clone_from(&verbatim);
        }
        *state = Some(next);
        Ok(append)
    }
}

fn verbatim(stored: &StoredEvent) -> anyhow::Result<NewEvent> {
    let known = JobEvent::SCHEMAS.iter().map(|(kind, _)| *kind).chain([
        ArbitrationRound::KIND,
        ClusterSized::KIND,
        Compacted::KIND,
    ]);
    let kind = known.into_iter().find(|kind| *kind == stored.kind);
    let kind = kind.with_context(|| {
        format!(
            "event {} is of the kind `{}`, which this version does not know: use a newer one",
            stored.seq, stored.kind
        )
    })?;
    Ok(NewEvent { kind, schema: stored.schema, at: stored.at, data: stored.data.clone() })
}
