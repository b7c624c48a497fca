//! What is kept, and that a start goes on from it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use super::{Data, Streams, first, golden, living, whole};
use crate::actors::replayed::replay;
use crate::actors::snapshots::keeper::{GROWN_AT_THE_END, Keeping};
use crate::actors::snapshots::{decode, encode, file_in};
use crate::actors::tests::startup;
use crate::actors::{Startup, start};
use crate::events::store::{EventStore, SNAPSHOTS, StoreOptions};
use crate::qos::ids::JobId;
use crate::qos::job::{JobState, Work};

#[test]
fn after_every_event_of_every_recorded_log_the_state_can_be_written_and_goes_on_from_there() {
    let (mut phases, mut works) = (BTreeSet::new(), BTreeSet::new());
    for events in golden().values() {
        let (mut whole, mut through_text) = (None, None);
        for event in events {
            JobState::follow(&mut whole, event);
            JobState::follow(&mut through_text, event);
            // By induction: from each of these states on, the next event leads to the same.
            assert_eq!(through_text, whole);
            let state = whole.as_ref().unwrap();
            through_text = Some(decode(&encode(state).unwrap()).unwrap());
            phases.insert(state.state_name());
            works.insert(match state.work {
                Work::None => "none",
                Work::Attempted(_) => "attempted",
                Work::Running(_) => "running",
            });
        }
        assert_eq!(through_text, whole);
    }
    let all = ["cancelled", "completed", "failed", "registered", "running", "withdrawn"];
    assert_eq!(phases.into_iter().collect::<Vec<_>>(), all);
    assert_eq!(works.len(), 3);
}

#[test]
fn a_start_goes_on_from_snapshots_of_any_age() {
    let streams = living(&golden());
    for share in [1, 50, 90, 100] {
        let data = Data::of(&first(&streams, share));
        data.keep();
        for (job, events) in &streams {
            let there = first(&streams, share)[job].len();
            data.append(*job, &events[there..]);
        }
        data.started_right(streams.len());
        // As after a kill, which leaves the old ones: they serve again.
        data.started_right(streams.len());
        data.keep();
        assert_eq!(data.start().events, 0);
        data.started_right(streams.len());
    }
}

#[test]
fn a_supervisor_that_stops_leaves_snapshots_and_the_next_one_starts_from_them() {
    let streams = living(&golden());
    let data = Data::of(&streams);
    let (dir, long) = (data.dir, streams.values().filter(|events| events.len() as u64 >= GROWN_AT_THE_END).count());
    drop(data.store);
    let mut events = Vec::new();
    for _ in 0..2 {
        actix::System::new().block_on(async {
            let startup = Startup { data_dir: dir.path().to_owned(), ..startup(&dir) };
            start(startup).await.unwrap().stop().await;
        });
        let mode = fs::metadata(dir.path().join(SNAPSHOTS)).unwrap().permissions().mode();
        assert_eq!((mode & 0o777, dir.path().join(format!("{SNAPSHOTS}-wal")).exists()), (0o600, false));
        let store = EventStore::open(dir.path(), StoreOptions::default()).unwrap();
        let (start, whole) = (replay(&store.log(), &file_in(dir.path())).unwrap(), whole(&store));
        assert!(start.jobs == whole.jobs && start.believed.len() >= long, "{} of {long}", start.believed.len());
        events.push((start.events, whole.events));
    }
    assert!(events.iter().all(|(since, all)| since * 2 < *all), "{events:?}");
}

#[test]
fn a_stream_that_has_hardly_grown_gets_no_new_snapshot() {
    let streams = living(&golden());
    let data = Data::of(&streams);
    let start = data.start();
    let living: Vec<_> = start.jobs.values().cloned().map(Arc::new).collect();
    let mut keeping = Keeping::new(data.file(), data.store.log(), start.believed);
    keeping.look(&living, GROWN_AT_THE_END, || true);
    let long = |state: &&Arc<JobState>| state.version >= GROWN_AT_THE_END;
    let expected = living.iter().filter(long).count();
    assert!(expected > 0 && expected < living.len(), "{expected} of {}", living.len());
    data.started_right(expected);
}

#[test]
fn the_longest_streams_come_first_when_time_is_short() {
    let streams = living(&golden());
    let data = Data::of(&streams);
    let jobs: Vec<_> = data.start().jobs.into_values().map(Arc::new).collect();
    // More than one batch of them.
    let mut many = Vec::new();
    for n in 0..200_u8 {
        let job = JobId::from_bytes([n; 16]);
        let events = [streams.values().next().unwrap()[0].clone()];
        data.append(job, &events);
        let mut state = JobState::replay(events).unwrap();
        state.registered.job = job;
        many.push(Arc::new(state));
    }
    many.extend(jobs.iter().cloned());
    Keeping::new(data.file(), data.store.log(), BTreeMap::new()).look(&many, 1, || false);
    let kept = data.file().open().unwrap().unwrap();
    assert_eq!(kept.streams().unwrap().len(), 64);
    let longest = jobs.iter().max_by_key(|state| state.version).unwrap();
    assert!(kept.get(longest.registered.job.into()).unwrap().is_some());
}

#[test]
fn jobs_that_are_over_leave_no_snapshot() {
    let streams = living(&golden());
    let data = Data::of(&streams);
    data.keep();
    let start = data.start();
    let mut living: Vec<_> = start.jobs.into_values().map(Arc::new).collect();
    let mut keeping = Keeping::new(data.file(), data.store.log(), start.believed);
    living.truncate(3);
    keeping.look(&living, 1000, || true);
    assert_eq!(data.file().open().unwrap().unwrap().streams().unwrap().len(), 3);
}

#[test]
fn a_file_that_is_deleted_while_it_is_used_is_made_again() {
    let streams = living(&golden());
    let data = Data::of(&streams);
    let living: Vec<_> = data.start().jobs.into_values().map(Arc::new).collect();
    let mut keeping = Keeping::new(data.file(), data.store.log(), BTreeMap::new());
    keeping.look(&living, 1, || true);
    fs::remove_file(data.path()).unwrap();
    data.started_right(0);
    data.append(JobId::from_bytes([9; 16]), &streams.values().next().unwrap()[..1]);
    let mut more = living.clone();
    let mut other = (*living[0]).clone();
    (other.registered.job, other.version) = (JobId::from_bytes([9; 16]), 1);
    more.push(Arc::new(other));
    keeping.look(&more, 1, || true);
    assert_eq!(data.file().open().unwrap().unwrap().streams().unwrap().len(), more.len());
}

#[test]
fn nothing_is_made_where_there_is_nothing_to_keep() {
    let data = Data::of(&Streams::new());
    data.keep();
    assert!(!data.path().exists());
}
