//! Logs that the version before wrote, which knew the policy `step` alone: every decision in them follows again, to the byte.
//!
//! `schema-2-chronos.db` was taken in the middle of case I of the demo, `schema-2-marathon.db` after its case III.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use mesos_qos::events::envelope::StreamId;
use mesos_qos::events::job::{JobEvent, upcasters};
use mesos_qos::events::store::{OfflineLog, ReadError, Replay, verify};
use mesos_qos::qos::job::{JobState, RecomputeError, Recorded, recompute, recompute_progress};

/// File, its last hash, how many decisions it holds.
const LOGS: [(&str, &str, usize); 3] = [
    ("schema-1.db", "ade614685b6ec11b653b3c3de861e718892c7dffcf742056347e7b466a4d3462", 8),
    ("schema-2-chronos.db", "38de007d66e870d3771a4aac6915ae0769983ffbd425ac3d6c234b330cc92af1", 25),
    ("schema-2-marathon.db", "881b090078c08876028a75b4211279a58ed5f53df280a17f48463a745cf357f1", 3),
];

/// A copy: reading must not touch what is under version control.
fn copy(name: &str) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let to = dir.path().join("events.db");
    std::fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name), &to).unwrap();
    (dir, to)
}

/// Calls `each` with every decision: the state before it, the decision, and its stored bytes.
fn decisions(name: &str, mut each: impl FnMut(&JobState, &JobEvent, &[u8])) {
    let (_dir, path) = copy(name);
    let (table, mut states) = (upcasters(), BTreeMap::<StreamId, JobState>::new());
    let walked = OfflineLog::open(&path).unwrap().for_each_event(Replay::Everything, |stored| {
        let event = JobEvent::decode(&stored.kind, &table.newest(stored).unwrap()).unwrap();
        let recorded = Recorded { version: stored.version.0, at: stored.at, event };
        let state = states.remove(&stored.stream);
        if let (Some(state), JobEvent::Decided(_) | JobEvent::ProgressDecided(_)) = (&state, &recorded.event) {
            each(state, &recorded.event, &stored.data);
        }
        let state = match (state, &recorded.event) {
            (Some(mut state), _) => {
                state.apply(&recorded);
                state
            }
            (None, JobEvent::Registered(registered)) => JobState::new(registered.clone(), &recorded),
            (None, other) => panic!("{} comes before the registration", other.kind()),
        };
        states.insert(stored.stream, state);
        Ok::<(), ReadError>(())
    });
    walked.unwrap();
}

fn again(state: &JobState, decision: &JobEvent) -> Result<JobEvent, RecomputeError> {
    match decision {
        JobEvent::Decided(decided) => recompute(state, decided).map(JobEvent::from),
        JobEvent::ProgressDecided(decided) => recompute_progress(state, decided).map(JobEvent::from),
        other => panic!("{} is no decision", other.kind()),
    }
}

#[test]
fn every_decision_of_an_older_version_follows_from_its_log_byte_for_byte() {
    for (name, head, expected) in LOGS {
        let (_dir, path) = copy(name);
        assert_eq!(verify(&path, Some(head.parse().unwrap())).unwrap().fault, None, "{name}");
        let mut found = 0;
        decisions(name, |state, decision, stored| {
            let computed = again(state, decision).unwrap().encode().unwrap();
            assert_eq!(String::from_utf8(computed).unwrap(), String::from_utf8(stored.to_vec()).unwrap(), "{name}");
            found += 1;
        });
        assert_eq!(found, expected, "{name}");
    }
}

#[test]
fn a_decision_that_does_not_follow_is_found_and_one_of_a_newer_version_is_named() {
    let mut different = 0;
    decisions("schema-2-chronos.db", |state, decision, stored| {
        let mut other = state.clone();
        other.done += 3;
        different += usize::from(again(&other, decision).unwrap().encode().unwrap() != stored);
        let JobEvent::Decided(decided) = decision else { return };
        let mut newer = decided.clone();
        newer.fold = 99;
        assert_eq!(recompute(state, &newer), Err(RecomputeError::UnknownFold { fold: 99 }));
    });
    assert_eq!(different, 25);
}
