//! Snapshots of the states of recorded logs, right ones and all kinds of wrong ones: a start gives what the log gives.

mod kept;
mod refused;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::file_in;
use super::keeper::Keeping;
use crate::actors::replayed::{Replayed, recorded, replay};
use crate::actors::start::StartError;
use crate::events::envelope::{NewEvent, StreamId, Version};
use crate::events::job::upcasters;
use crate::events::store::{Append, EventStore, JobRow, OfflineLog, Replay, SNAPSHOTS, SnapshotFile, StoreOptions};
use crate::qos::ids::JobId;
use crate::qos::job::{JobState, Recorded};

type Streams = BTreeMap<JobId, Vec<Recorded>>;

/// The streams of all recorded logs.
fn golden() -> Streams {
    let dir = tempfile::tempdir().unwrap();
    let mut streams = Streams::new();
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    for entry in fs::read_dir(golden).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "db") {
            continue;
        }
        let copy = dir.path().join(path.file_name().unwrap());
        fs::copy(&path, &copy).unwrap();
        let upcasters = upcasters();
        let log = OfflineLog::open(&copy).unwrap();
        log.for_each_event(Replay::Everything, |stored| -> Result<(), StartError> {
            if let Some(job) = stored.stream.job() {
                streams.entry(job).or_default().push(recorded(&upcasters, stored)?);
            }
            Ok(())
        })
        .unwrap();
    }
    assert!(streams.len() > 40, "{}", streams.len());
    streams
}

/// A data directory whose log holds streams of living jobs.
struct Data {
    dir: tempfile::TempDir,
    store: EventStore,
}

impl Data {
    fn of(streams: &Streams) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = EventStore::open(dir.path(), StoreOptions::default()).unwrap();
        let data = Data { dir, store };
        streams.iter().for_each(|(job, events)| data.append(*job, events));
        data
    }

    fn append(&self, job: JobId, events: &[Recorded]) {
        let Some(first) = events.first() else { return };
        let (at, stream) = (first.at, StreamId::Job(job));
        let new = |one: &Recorded| NewEvent {
            kind: one.event.kind(),
            schema: one.event.schema(),
            at: one.at,
            data: one.event.encode().unwrap(),
        };
        let append = Append::at(at).events(stream, Version(first.version - 1), events.iter().map(new).collect());
        let state = JobState::replay([first.clone()]);
        let row = state.map(|state| JobRow {
            uuid: job,
            framework: state.registered.framework,
            name: job.to_string(),
            state: "running".into(),
            active: true,
            registered_at: at,
            finished_at: None,
            version: Version(first.version),
            view: None,
        });
        let append = row.into_iter().fold(append, Append::job);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(self.store.log().append(append)).unwrap();
    }

    fn file(&self) -> SnapshotFile {
        file_in(self.dir.path())
    }

    /// What a start finds.
    fn start(&self) -> Replayed {
        replay(&self.store.log(), &self.file()).unwrap()
    }

    /// What it finds without snapshots.
    fn whole(&self) -> Replayed {
        whole(&self.store)
    }

    /// The start is right, and has believed so many snapshots.
    fn started_right(&self, believed: usize) {
        let (start, whole) = (self.start(), self.whole());
        assert!(start.jobs == whole.jobs && start.cluster == whole.cluster, "another start with snapshots");
        assert_eq!((start.believed.len(), whole.believed.len()), (believed, 0));
        assert!(believed == 0 || start.events < whole.events);
    }

    /// Makes snapshots as a supervisor does that stops, of which this is the start.
    fn keep(&self) {
        let start = self.start();
        let living: Vec<_> = start.jobs.into_values().map(Arc::new).collect();
        Keeping::new(self.file(), self.store.log(), start.believed).look(&living, 1, || true);
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join(SNAPSHOTS)
    }
}

fn whole(store: &EventStore) -> Replayed {
    let none = tempfile::tempdir().unwrap();
    replay(&store.log(), &file_in(none.path())).unwrap()
}

/// Living jobs alone: one that is over in its log would not be active.
fn living(streams: &Streams) -> Streams {
    let is_living = |events: &[Recorded]| JobState::replay(events.to_vec()).is_some_and(|state| !state.is_finished());
    streams.iter().map(|(job, events)| (*job, upto_a_living_state(events, is_living))).collect()
}

fn upto_a_living_state(events: &[Recorded], is_living: impl Fn(&[Recorded]) -> bool) -> Vec<Recorded> {
    let most = (0..=events.len()).rev().find(|most| is_living(&events[..*most])).unwrap();
    events[..most].to_vec()
}

/// The first `share` of a hundred of the events of each stream, at least one.
fn first(streams: &Streams, share: usize) -> Streams {
    let upto = |events: &Vec<Recorded>| (events.len() * share / 100).max(1);
    streams.iter().map(|(job, events)| (*job, events[..upto(events)].to_vec())).collect()
}
