//! Logs that older versions wrote: every decision in them follows again, to the byte, by what `mesos-qos replay --log` runs.
//!
//! `schema-2-chronos.db` was taken in the middle of case I of the demo, `schema-2-marathon.db` after its case III,
//! `schema-4-chained.db` after case I with chained iterations under the policy `step`; `schema-4-rounds.db` after five jobs on two nodes under the
//! arbitration, whose supervisor was killed in between.
//!
//! The four `-troubles.db` were recorded by one script with the supervisors of four versions. Their jobs met a start that Chronos forgot, a container
//! that was killed, an iteration that took ten times as long as declared, a CPU that somebody else set, a resize that was cut off just before the
//! supervisor was killed, an agent that heeds no limit and then falls silent, a registration that was withdrawn and a changed policy; in the last one also a resize for which
//! no node has room.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use mesos_qos::cli::replay::check::recompute_with;
use mesos_qos::events::cluster::{ArbitrationRound, ClusterSized, Compacted};
use mesos_qos::events::envelope::StoredEvent;
use mesos_qos::events::job::{ChainAnswered, ChainNext, JobEvent};
use mesos_qos::events::source::LogSource;
use mesos_qos::events::store::{OfflineLog, ReadError, Replay, verify};
use mesos_qos::replay::{CheckReport, Checker};

/// File, its last hash, how many decisions, answers to tasks and rounds it holds.
const LOGS: [(&str, &str, [u64; 3]); 9] = [
    ("schema-1.db", "ade614685b6ec11b653b3c3de861e718892c7dffcf742056347e7b466a4d3462", [8, 0, 0]),
    ("schema-1-troubles.db", "cc1faecc78eee93e9ea1d7835b517e3ea616944f831ab59ab854a6d8c0eeea43", [10, 0, 0]),
    ("schema-2-chronos.db", "38de007d66e870d3771a4aac6915ae0769983ffbd425ac3d6c234b330cc92af1", [25, 0, 0]),
    ("schema-2-marathon.db", "881b090078c08876028a75b4211279a58ed5f53df280a17f48463a745cf357f1", [3, 0, 0]),
    ("schema-2-troubles.db", "37f915b07440627e496565ba382ed1d29f9fb4a94720e677b9dc9e63b9db5d44", [17, 0, 0]),
    ("schema-3-troubles.db", "97791a43b9c18461fdd292c2ff9b7a7f74e9fd6471f74fb11b0a6898b50543ee", [17, 0, 0]),
    ("schema-4-chained.db", "d4b9dc925bd488872602ae2c06e29bacbe2bad1ea6552087070a87b8be62431b", [52, 52, 0]),
    ("schema-4-rounds.db", "e5a3d582c137aebd9802f54cd6a2340bbb0e4df736197af7c73c1c32efcf91d0", [55, 5, 19]),
    ("schema-4-troubles.db", "f9692b3469016c96460d9b079771ec1d78db6ba105839a89311947bdc17cac41", [22, 0, 0]),
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
        assert_eq!([report.decisions, report.answers, report.rounds], expected, "{name}");
        let source = LogSource::open(&path).unwrap();
        for workers in [1, 2, 3, 8] {
            assert_eq!(recompute_with(&source, None, workers).unwrap(), report, "{name} with {workers} threads");
        }
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

/// What no golden log holds: rounds that are named and not computed, and what a compaction leaves, which is read with its archives only
/// (`tests/replay/compacted.rs`).
const MISSING: [(&str, u16); 2] = [("ArbitrationRound", 1), ("Compacted", 1)];

#[test]
fn what_every_kind_of_event_was_in_every_schema_is_in_a_golden_log() {
    let upto =
        |(kind, newest): (&str, u16)| (1..=newest).map(move |schema| (kind.to_owned(), schema)).collect::<Vec<_>>();
    let of_the_cluster = [
        (ArbitrationRound::KIND, ArbitrationRound::SCHEMA),
        (ClusterSized::KIND, ClusterSized::SCHEMA),
        (Compacted::KIND, Compacted::SCHEMA),
    ];
    let known: BTreeSet<_> = JobEvent::SCHEMAS.iter().copied().chain(of_the_cluster).flat_map(upto).collect();
    let of_log = |(name, ..): (&str, &str, [u64; 3])| {
        events(name).into_iter().map(|event| (event.kind.to_string(), event.schema))
    };
    let held: BTreeSet<_> = LOGS.into_iter().flat_map(of_log).collect();
    assert_eq!(held.difference(&known).collect::<Vec<_>>(), Vec::<&(String, u16)>::new(), "are written by nobody");
    let missing = MISSING.map(|(kind, schema)| (kind.to_owned(), schema));
    assert_eq!(known.difference(&held).cloned().collect::<Vec<_>>(), missing, "are in no golden log");
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

/// The events with the data of the one at `nth` changed.
fn with<T: serde::Serialize>(events: &[StoredEvent], nth: usize, data: &T) -> Vec<StoredEvent> {
    let mut changed = events.to_vec();
    changed[nth].data = serde_json::to_vec(data).unwrap();
    changed
}

#[test]
fn what_a_task_of_a_chained_job_was_told_follows_too() {
    let log = events("schema-4-chained.db");
    let nth = log.iter().position(|event| event.kind == "ChainAnswered").unwrap();
    let answered: ChainAnswered = serde_json::from_slice(&log[nth].data).unwrap();
    let other = match answered.next {
        ChainNext::Continue => ChainNext::Exit,
        ChainNext::Exit => ChainNext::Continue,
    };
    for (forged, field) in [
        (ChainAnswered { next: other, ..answered.clone() }, "next"),
        (ChainAnswered { decision: Some(1), ..answered.clone() }, "decision"),
        (ChainAnswered { iteration: 9, ..answered.clone() }, "iteration"),
        (ChainAnswered { run: "another".into(), ..answered.clone() }, "run"),
        (ChainAnswered { reason: "because".into(), ..answered.clone() }, "reason"),
    ] {
        let report = check(&with(&log, nth, &forged));
        let found = report.differences.first().map(|found| (found.seq, found.kind.as_str(), found.field.as_str()));
        assert_eq!(found, Some((log[nth].seq, "ChainAnswered", field)), "{report:?}");
    }
    // Nobody had asked.
    let mut unasked = log.clone();
    unasked.insert(nth + 1, log[nth].clone());
    let report = check(&unasked);
    assert_eq!((report.differing, report.differences[0].recomputed.clone()), (1, Some(serde_json::Value::Null)));
}

#[test]
fn that_a_task_ended_by_itself_is_taken_from_its_answer() {
    let log = events("schema-4-chained.db");
    let last = log.iter().rposition(|event| event.kind == "ChainAnswered").unwrap();
    let answered: ChainAnswered = serde_json::from_slice(&log[last].data).unwrap();
    let ended = ChainAnswered { next: ChainNext::Exit, reason: "the task was told to end".into(), ..answered };
    let report = check(&with(&log, last, &ended)[..=last]);
    assert!(report.is_the_same() && report.answers == 52, "{report:?}");
}

/// The places of the rounds, and what they say.
fn rounds(events: &[StoredEvent]) -> Vec<(usize, ArbitrationRound)> {
    let of_a_round = events.iter().enumerate().filter(|(_, event)| event.kind == ArbitrationRound::KIND);
    of_a_round.map(|(nth, event)| (nth, serde_json::from_slice(&event.data).unwrap())).collect()
}

#[test]
fn the_golden_rounds_are_changes_to_each_other_across_a_restart() {
    let rounds = rounds(&events("schema-4-rounds.db"));
    let complete = rounds.iter().filter(|(_, round)| round.since.is_none()).count();
    assert!(complete >= 2, "one at each start: {complete} of {}", rounds.len());
    assert!(rounds.len() >= complete + 5, "{complete} of {}", rounds.len());
    assert!(rounds.iter().any(|(_, round)| !round.grants.is_empty() && round.since.is_some()));
    assert!(rounds.iter().any(|(_, round)| !round.over.is_empty()));
}

#[test]
fn a_round_that_does_not_follow_is_found_and_names_its_field() {
    let log = events("schema-4-rounds.db");
    let rounds = rounds(&log);
    let granting = |(_, round): &&(usize, ArbitrationRound)| round.since.is_some() && !round.grants.is_empty();
    let (nth, round) = rounds.iter().find(granting).unwrap().clone();
    let mut forged = round.clone();
    forged.grants[0].cap = Some(mesos_qos::qos::units::Cpus::from_milli(123));
    let report = check(&with(&log, nth, &forged));
    let found = &report.differences[0];
    assert_eq!((report.differing, report.not_computed), (1, 0), "{report:?}");
    assert_eq!((found.seq, found.job.as_str(), found.field.as_str()), (log[nth].seq, "cluster", "grants.0.cap"));
    // From what it was computed, nobody knows.
    let mut unknown = round;
    unknown.inputs[0].version = 999;
    let report = check(&with(&log, nth, &unknown));
    assert_eq!(report.unreadable[0].seq, log[nth].seq);
    assert!(report.unreadable[0].reason.contains("no event 999 of job"), "{}", report.unreadable[0].reason);
    // A round is missing before one that is recorded as changes to it.
    let mut gap = log.clone();
    gap.remove(nth);
    let report = check(&gap);
    assert!(report.not_computed >= 1, "{report:?}");
    assert!(report.unreadable[0].reason.contains("which is not the one before it"), "{}", report.unreadable[0].reason);
}

#[test]
fn a_round_by_rules_of_a_newer_version_is_named_as_such_and_those_after_it_follow() {
    let log = events("schema-4-rounds.db");
    for (nth, round) in rounds(&log) {
        assert_eq!(round.rules, 1);
        assert!(!String::from_utf8_lossy(&log[nth].data).contains("rules"), "the first ones are not written");
        let report = check(&with(&log, nth, &ArbitrationRound { rules: 99, ..round }));
        assert_eq!((report.differing, report.not_computed), (0, 1), "{report:?}");
        assert_eq!(report.unreadable[0].seq, log[nth].seq);
        assert!(report.unreadable[0].reason.contains("version 99 of the rules"), "{}", report.unreadable[0].reason);
    }
}

#[test]
fn a_round_of_an_older_arbitration_is_named_as_such_and_those_after_it_follow() {
    let mut log = events("schema-4-rounds.db");
    let all = rounds(&log);
    let complete: Vec<usize> = all.iter().filter(|(_, round)| round.since.is_none()).map(|(nth, _)| *nth).collect();
    complete.iter().for_each(|nth| log[*nth].schema = 1);
    let report = check(&log);
    assert_eq!((report.differing, report.not_computed), (0, complete.len() as u64), "{report:?}");
    assert_eq!(report.rounds, all.len() as u64);
    for (unreadable, nth) in report.unreadable.iter().zip(complete) {
        assert_eq!((unreadable.seq, unreadable.job.as_str()), (log[nth].seq, "cluster"));
        assert!(unreadable.reason.contains("of schema 1") && unreadable.reason.contains("older arbitration"));
    }
}
