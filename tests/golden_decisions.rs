//! Logs that older versions wrote: every decision in them follows again, to the byte, by what `mesos-qos replay --log` runs.
//!
//! `schema-2-chronos.db` was taken in the middle of case I of the demo, `schema-2-marathon.db` after its case III,
//! `schema-4-chained.db` after case I with chained iterations under the policy `step`.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use mesos_qos::events::envelope::StoredEvent;
use mesos_qos::events::job::JobEvent;
use mesos_qos::events::store::{OfflineLog, ReadError, Replay, verify};
use mesos_qos::replay::{CheckReport, Checker};

/// File, its last hash, how many decisions it holds.
const LOGS: [(&str, &str, u64); 4] = [
    ("schema-1.db", "ade614685b6ec11b653b3c3de861e718892c7dffcf742056347e7b466a4d3462", 8),
    ("schema-2-chronos.db", "38de007d66e870d3771a4aac6915ae0769983ffbd425ac3d6c234b330cc92af1", 25),
    ("schema-2-marathon.db", "881b090078c08876028a75b4211279a58ed5f53df280a17f48463a745cf357f1", 3),
    ("schema-4-chained.db", "d4b9dc925bd488872602ae2c06e29bacbe2bad1ea6552087070a87b8be62431b", 52),
];

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

/// A copy: reading must not touch what is under version control.
fn copy(name: &str) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let to = dir.path().join("events.db");
    std::fs::copy(golden().join(name), &to).unwrap();
    (dir, to)
}

fn events(name: &str) -> Vec<StoredEvent> {
    let (_dir, path) = copy(name);
    let mut events = Vec::new();
    let read = OfflineLog::open(&path).unwrap().for_each_event(Replay::Everything, |event| {
        events.push(event.clone());
        Ok::<(), ReadError>(())
    });
    read.unwrap();
    events
}

fn check(events: &[StoredEvent]) -> CheckReport {
    let mut checker = Checker::default();
    events.iter().for_each(|event| checker.expect(event).unwrap());
    events.iter().for_each(|event| checker.take(event).unwrap());
    checker.finish()
}

#[test]
fn every_decision_of_an_older_version_follows_from_its_log_byte_for_byte() {
    for (name, head, expected) in LOGS {
        let (_dir, path) = copy(name);
        assert_eq!(verify(&path, Some(head.parse().unwrap())).unwrap().fault, None, "{name}");
        let report = check(&events(name));
        assert_eq!((report.differences.as_slice(), report.unreadable.as_slice()), (&[][..], &[][..]), "{name}");
        assert_eq!(report.decisions, expected, "{name}");
    }
}

#[test]
fn every_golden_log_is_replayed() {
    let kept: BTreeSet<String> = std::fs::read_dir(golden())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .filter(|name| name.ends_with(".db"))
        .collect();
    assert_eq!(kept, LOGS.iter().map(|(name, _, _)| (*name).to_owned()).collect());
}

#[test]
fn a_decision_that_does_not_follow_is_found_and_one_of_a_newer_version_is_named() {
    let mut changed = events("schema-2-chronos.db");
    let nth = changed.iter().position(|event| event.kind == "Decided").unwrap();
    let JobEvent::Decided(decided) = JobEvent::decode("Decided", &changed[nth].data).unwrap() else { panic!() };
    let mut other = decided.clone();
    other.reason = "because".into();
    changed[nth].data = serde_json::to_vec(&other).unwrap();
    let report = check(&changed);
    let found = &report.differences[0];
    assert_eq!((report.differing, report.not_computed), (1, 0));
    assert_eq!((found.seq, found.field.as_str()), (changed[nth].seq, "reason"));
    assert_eq!(found.recomputed, Some(decided.reason.clone().into()));

    let (mut newer_fold, mut newer_policy) = (decided.clone(), decided);
    newer_fold.fold = 99;
    newer_policy.policy.version = 99;
    for (newer, said) in [(newer_fold, "version 99 of the fold"), (newer_policy, "no version 99")] {
        changed[nth].data = serde_json::to_vec(&newer).unwrap();
        let report = check(&changed);
        assert_eq!((report.differing, report.not_computed), (0, 1), "{:?}", report.differences);
        assert!(report.unreadable[0].reason.contains(said), "{}", report.unreadable[0].reason);
    }
}
