//! What is not believed, and that a start is right without it.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;

use super::{Data, first, golden, living};
use crate::actors::snapshots::keeper::Keeping;
use crate::actors::snapshots::{DecodeError, FORMAT, SOURCES, decode, encode, key};
use crate::events::envelope::Version;
use crate::events::store::{EventStore, Snapshot, SnapshotError, SnapshotFile, StoreOptions};
use crate::qos::job::{FOLD_VERSION, JobState};
use crate::qos::units::Span;

#[test]
fn snapshots_newer_than_the_log_or_of_other_events_are_not_believed() {
    let streams = living(&golden());
    let newer = Data::of(&streams);
    newer.keep();
    // The same directory with a log that was restored from before, and with one that went another way.
    let older = Data::of(&first(&streams, 50));
    let mut other = streams.clone();
    for events in other.values_mut() {
        events[0].at = events[0].at + Span::from_micros(1);
    }
    let other = Data::of(&other);
    for data in [&older, &other] {
        fs::copy(newer.path(), data.path()).unwrap();
        // Also what has the same events: they have other predecessors in these logs, and so other hashes.
        data.started_right(0);
        // The next look replaces them.
        data.keep();
        data.started_right(streams.len());
    }
}

#[test]
fn a_snapshot_whose_event_differs_is_the_only_one_that_is_not_believed() {
    let streams = living(&golden());
    let data = Data::of(&streams);
    data.keep();
    let job = *streams.keys().next().unwrap();
    let wrong: [fn(&mut Snapshot); 5] = [
        |snapshot| snapshot.hash.0[31] ^= 1,
        |snapshot| snapshot.version = Version(snapshot.version.0 + 1),
        |snapshot| snapshot.version = Version(u64::MAX),
        |snapshot| snapshot.state.truncate(snapshot.state.len() / 2),
        |snapshot| snapshot.state = b"garbage".to_vec(),
    ];
    let file = data.file();
    let right = file.open().unwrap().unwrap().get(job.into()).unwrap().unwrap();
    for spoil in wrong {
        let mut spoiled = right.clone();
        spoil(&mut spoiled);
        file.open_or_make().unwrap().put(&[(job.into(), spoiled)]).unwrap();
        data.started_right(streams.len() - 1);
    }
    // Neither is that of another job, or of the event before.
    let mut kept = file.open_or_make().unwrap();
    let of_another = kept.get((*streams.keys().nth(1).unwrap()).into()).unwrap().unwrap();
    let state = decode(&right.state).unwrap();
    let older = encode(&JobState { version: state.version - 1, ..state }).unwrap();
    for state in [of_another.state, older] {
        kept.put(&[(job.into(), Snapshot { state, ..right.clone() })]).unwrap();
        data.started_right(streams.len() - 1);
    }
    kept.put(&[(job.into(), right)]).unwrap();
    data.started_right(streams.len());
}

#[test]
fn files_that_are_damaged_or_foreign_are_replaced() {
    let streams = living(&golden());
    let data = Data::of(&streams);
    data.keep();
    let whole = fs::read(data.path()).unwrap();
    let garbage: Vec<u8> = (0..20_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let foreign = {
        let dir = tempfile::tempdir().unwrap();
        drop(EventStore::open(dir.path(), StoreOptions::default()).unwrap());
        fs::read(dir.path().join("events.db")).unwrap()
    };
    for text in [&whole[..whole.len() / 2], &whole[..100], &[], &garbage, &foreign] {
        fs::write(data.path(), text).unwrap();
        let (start, whole) = (data.start(), data.whole());
        assert!(start.jobs == whole.jobs && start.cluster == whole.cluster, "{} bytes", text.len());
        data.keep();
        data.started_right(streams.len());
    }
    // Any byte.
    for place in (0..whole.len()).step_by(whole.len() / 16) {
        let mut text = whole.clone();
        text[place] ^= 0x55;
        fs::write(data.path(), &text).unwrap();
        let (start, whole) = (data.start(), data.whole());
        assert!(start.jobs == whole.jobs && start.cluster == whole.cluster, "byte {place}");
    }
    // What cannot be a file is no reason not to start.
    let _there_or_not = fs::remove_file(data.path());
    fs::create_dir_all(data.path().join("directory")).unwrap();
    data.started_right(0);
    data.keep();
    data.started_right(0);
}

#[test]
fn snapshots_of_another_program_are_not_believed() {
    let streams = living(&golden());
    let data = Data::of(&streams);
    let living: Vec<_> = data.start().jobs.into_values().map(Arc::new).collect();
    let others = [key(FOLD_VERSION + 1, FORMAT), key(FOLD_VERSION, FORMAT + 1), "0.0.1".to_owned()];
    for other in others {
        let file = SnapshotFile::new(data.dir.path(), other);
        Keeping::new(file.clone(), data.store.log(), BTreeMap::new()).look(&living, 1, || true);
        assert_eq!(file.open().unwrap().unwrap().streams().unwrap().len(), streams.len());
        assert!(matches!(data.file().open(), Err(SnapshotError::Other { .. })));
        data.started_right(0);
        assert!(!data.path().exists(), "kept for nobody");
    }
    assert_eq!(SOURCES.len(), 16);
}

#[test]
fn a_text_with_more_or_fewer_fields_is_no_state() {
    let streams = golden();
    let state =
        streams.values().find_map(|events| JobState::replay(events.clone()).filter(|state| state.execution.is_some()));
    let text: serde_json::Value = serde_json::from_slice(&encode(&state.unwrap()).unwrap()).unwrap();
    let spoiled = |spoil: &dyn Fn(&mut serde_json::Map<String, serde_json::Value>)| {
        let mut text = text.clone();
        spoil(text.as_object_mut().unwrap());
        decode(&serde_json::to_vec(&text).unwrap())
    };
    assert!(spoiled(&|_| {}).is_ok());
    // Also where the format would take it for none or for its default.
    for field in text.as_object().unwrap().keys() {
        let missing = spoiled(&|text| drop(text.remove(field)));
        assert!(missing.is_err(), "{field}");
    }
    let further = spoiled(&|text| drop(text.insert("further".into(), 1.into())));
    assert!(matches!(further, Err(DecodeError::Fields)));
    let inside = |place: &'static str| {
        spoiled(&|text| drop(text[place].as_object_mut().unwrap().insert("further".into(), serde_json::Value::Null)))
    };
    assert!(inside("registered").is_err() && inside("history").is_err() && inside("execution").is_err());
}
