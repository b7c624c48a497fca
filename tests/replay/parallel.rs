//! What several threads find in a log is what one finds.

use std::fmt::Write as _;
use std::path::Path;

use mesos_qos::cli::replay::check::recompute_with;
use mesos_qos::events::chain::EventHash;
use mesos_qos::events::cluster::ArbitrationRound;
use mesos_qos::events::envelope::{StoredEvent, StreamId, Version};
use mesos_qos::events::job::JobEvent;
use mesos_qos::events::source::LogSource;
use mesos_qos::events::store::{OfflineLog, ReadError, Replay};
use mesos_qos::published::Case;
use mesos_qos::qos::ids::JobId;
use mesos_qos::qos::policy::PolicyName;
use mesos_qos::simulation::Scenario;
use mesos_qos::simulation::model::scenario::CHAIN_GAP;

use crate::recorded::{fill, recorded};

/// Much more than is handed from thread to thread at once, with both kinds of jobs and chained ones.
fn log(path: &Path) -> Vec<StoredEvent> {
    let (batch, long) = (Scenario::published(Case::One), Scenario::published(Case::Three));
    let chained = Scenario { chain_gap_s: Some(CHAIN_GAP), tasks_stay: true, ..batch.clone() };
    fill(path, &recorded(&[&batch, &long, &chained], PolicyName::Step, 5000), true);
    let mut events = Vec::new();
    let read = OfflineLog::open(path).unwrap().for_each_event(Replay::Everything, |event| {
        events.push(event.clone());
        Ok::<(), ReadError>(())
    });
    read.unwrap();
    events
}

/// The events as lines whose chain is whole, whatever was done to them.
fn rechained(path: &Path, events: &[StoredEvent]) {
    let (mut hash, mut text) = (EventHash::GENESIS, String::new());
    for event in events {
        let mut event = event.clone();
        event.hash = hash.link(&event);
        hash = event.hash;
        writeln!(text, "{}", serde_json::to_string(&event).unwrap()).unwrap();
    }
    std::fs::write(path, text).unwrap();
}

fn places(events: &[StoredEvent], kind: &str) -> Vec<usize> {
    (0..events.len()).filter(|nth| events[*nth].kind == kind).collect()
}

#[test]
fn of_a_log_with_rounds_and_of_one_in_which_much_is_forged() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("events.db");
    let mut events = log(&path);
    let source = LogSource::open(&path).unwrap();
    let one = recompute_with(&source, None, 1).unwrap();
    assert!(one.is_the_same(), "{:?} {:?}", one.differences.first(), one.unreadable.first());
    assert_eq!(one.events, events.len() as u64);
    assert!(one.decisions > 500 && one.answers > 100 && one.rounds > 500, "{one:?}");
    for workers in [2, 3, 8] {
        assert_eq!(recompute_with(&source, None, workers).unwrap(), one, "{workers} threads");
    }

    // Every hundredth decision gives another reason, every fiftieth round other chances; some are of an unknown fold.
    for nth in places(&events, "Decided").into_iter().step_by(100) {
        let JobEvent::Decided(mut decided) = JobEvent::decode("Decided", &events[nth].data).unwrap() else { panic!() };
        decided.reason = "because".into();
        decided.fold = if nth % 2 == 0 { decided.fold } else { 99 };
        events[nth].data = serde_json::to_vec(&decided).unwrap();
    }
    for nth in places(&events, "ArbitrationRound").into_iter().step_by(50) {
        let mut round: ArbitrationRound = serde_json::from_slice(&events[nth].data).unwrap();
        round.inputs.iter_mut().for_each(|input| input.best_chance = Some(1));
        events[nth].data = serde_json::to_vec(&round).unwrap();
    }
    let lines = dir.path().join("forged.jsonl");
    rechained(&lines, &events);
    let source = LogSource::open(&lines).unwrap();
    let one = recompute_with(&source, None, 1).unwrap();
    assert!(one.differing > 5 && one.not_computed > 0, "{one:?}");
    assert!(one.differences.is_sorted_by_key(|found| found.seq));
    for workers in [2, 3, 8] {
        assert_eq!(recompute_with(&source, None, workers).unwrap(), one, "{workers} threads");
    }

    // One that cannot be understood ends all of them.
    let last = events.iter().rposition(|event| event.kind == "SeenInFramework").unwrap();
    let cut = &mut events[..=last];
    (cut[last].stream, cut[last].version) = (StreamId::Job(JobId::random()), Version(1));
    rechained(&lines, cut);
    for workers in [1, 2, 3, 8] {
        let refused = recompute_with(&source, None, workers).unwrap_err().to_string();
        assert!(refused.contains("has no registration in this log"), "{workers} threads: {refused}");
    }
}
