//! Judges by two records that know nothing of each other: the supervisor's event log and the cluster's journal.

use std::path::Path;

use mesos_qos::cli::replay::check::recompute;
use mesos_qos::events::job::{JobEvent, SegmentEnd};
use mesos_qos::events::source::LogSource;
use mesos_qos::events::store::verify;
use mesos_qos::local::journal::{self, Entry};
use mesos_qos::qos::ids::JobId;
use rusqlite::{Connection, OpenFlags};
use serde_json::Value;

use crate::Jobs;

fn events(data: &Path, job: JobId) -> Vec<JobEvent> {
    let path = data.join("events.db");
    let Ok(db) = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY) else { return vec![] };
    let mut query = db.prepare("SELECT kind, data FROM events WHERE stream = ? ORDER BY version").unwrap();
    let rows = query.query_map([&job.as_bytes()[..]], |row| {
        let (kind, data): (String, String) = (row.get(0)?, row.get(1)?);
        Ok(JobEvent::decode(&kind, data.as_bytes()).unwrap())
    });
    rows.unwrap().map(Result::unwrap).collect()
}

pub fn removed(data: &Path, job: JobId) -> bool {
    count(&events(data, job), "Removed") > 0
}

fn count(events: &[JobEvent], kind: &str) -> usize {
    events.iter().filter(|event| event.kind() == kind).count()
}

pub fn describe(data: &Path, jobs: &Jobs) -> String {
    let describe = |(name, job): (&&str, &JobId)| {
        let events = events(data, *job);
        let last: Vec<_> = events.iter().rev().take(6).collect();
        format!("{name}: {} events; the last: {last:#?}\n", events.len())
    };
    jobs.iter().map(describe).collect()
}

/// The CPUs (thousandths) that were intended and applied, in order.
fn resizes(events: &[JobEvent]) -> (Vec<u32>, Vec<u32>) {
    let (mut intended, mut applied) = (vec![], vec![]);
    for event in events {
        match event {
            JobEvent::Rescaled(rescaled) => intended.push(rescaled.to.milli()),
            JobEvent::RescaleApplied(outcome) => applied.push(outcome.cpus.milli()),
            _ => {}
        }
    }
    (intended, applied)
}

pub fn judge(data: &Path, journal: &Path, jobs: &Jobs, acknowledged: &[Value]) {
    let report = verify(&data.join("events.db"), None).unwrap();
    assert!(report.fault.is_none(), "the hash chain is broken: {report:?}");
    let again = recompute(&LogSource::open(&data.join("events.db")).unwrap(), None).unwrap();
    assert!(again.is_the_same() && again.decisions > 0, "what was decided does not follow from the log: {again:#?}");
    let journal = journal::read(journal).unwrap();
    let applied: usize = jobs.values().map(|job| count(&events(data, *job), "RescaleApplied")).sum();
    assert!(applied >= 6, "too few resizes to judge by: {applied}");
    for (name, job) in jobs {
        let events = events(data, *job);
        judge_resizes(name, &events, &journal);
        judge_reports(name, *job, &events, acknowledged);
        for once in ["MarathonStarted", "MarathonEnded", "Completed", "Removed"] {
            assert_eq!(count(&events, once), 1, "{name}: {once}");
        }
        for never in ["RescaleFailed", "CpuObserved", "Failed"] {
            assert_eq!(count(&events, never), 0, "{name}: {never}");
        }
    }
}

/// Each resize of the log was made once, and nothing else was.
fn judge_resizes(name: &str, events: &[JobEvent], journal: &[Entry]) {
    let (intended, applied) = resizes(events);
    assert!(!applied.is_empty(), "{name} was never resized");
    // Its end may have come upon the last one.
    assert!(intended.len() - applied.len() <= 1 && intended.starts_with(&applied), "{name}: {intended:?} {applied:?}");
    let (mut versions, mut launches) = (vec![], vec![]);
    for entry in journal.iter().filter(|entry| entry.job() == name) {
        match entry {
            Entry::Submitted { milli_cpus, .. } => versions.push(milli_cpus.milli()),
            Entry::Launch { milli_cpus, .. } => launches.push(milli_cpus.milli()),
            _ => {}
        }
    }
    let last_may_be_missing = |made: &[u32]| made == applied || made == intended;
    assert!(versions[0] == 1000 && last_may_be_missing(&versions[1..]), "{name}: {versions:?} and {applied:?}");
    assert!(launches[0] == 1000 && last_may_be_missing(&launches[1..]), "{name}: {launches:?} and {applied:?}");
}

/// The segments are those of the tasks, without a gap, and nothing that an agent was told is recorded is missing.
fn judge_reports(name: &str, job: JobId, events: &[JobEvent], acknowledged: &[Value]) {
    let mut started = vec![];
    let mut ended = vec![];
    for event in events {
        match event {
            JobEvent::SegmentStarted(segment) => {
                assert!(segment.discarded.micros() == 0, "{name}: work was lost: {segment:?}");
                started.push(segment.segment);
            }
            JobEvent::SegmentEnded(segment) => ended.push((segment.segment, segment.reason)),
            _ => {}
        }
    }
    let all: Vec<u64> = (1..=started.len() as u64).collect();
    assert_eq!(started, all, "{name}: each segment began once");
    assert_eq!(ended.iter().map(|(segment, _)| *segment).collect::<Vec<_>>(), all, "{name}: each segment ended once");
    let (last, before) = ended.split_last().unwrap();
    assert_eq!(last.1, SegmentEnd::Exited, "{name}");
    assert!(before.iter().all(|(_, reason)| *reason == SegmentEnd::Checkpointed), "{name}: {before:?}");
    let first = events.iter().find_map(|event| match event {
        JobEvent::SegmentStarted(segment) => segment.execution.clone(),
        _ => None,
    });
    let own = |report: &&Value| match (report.get("uuid"), report.get("execution")) {
        (Some(uuid), _) => *uuid == job.to_string(),
        // Reports of segments name their job in their path alone; their starts name the execution.
        (None, execution) => execution.and_then(Value::as_str).is_some_and(|told| first.as_deref() == Some(told)),
    };
    let mut heard = 0;
    for report in acknowledged.iter().filter(own) {
        heard += 1;
        if report["kind"] == "start" {
            let segment = report["segment"].as_u64().unwrap();
            assert!(started.contains(&segment), "{name}: an acknowledged start is not in the log: {report}");
        } else if report.get("execution").is_some() {
            assert_eq!(count(events, "MarathonStarted"), 1, "{name}: {report}");
        } else {
            assert_eq!(count(events, "MarathonEnded"), 1, "{name}: {report}");
        }
    }
    assert!(heard > 3, "{name}: {heard} reports were acknowledged");
}

/// The same judgement refuses a task too many, a version too many, and an acknowledged report too many.
pub fn is_not_blind(data: &Path, journal: &Path, jobs: &Jobs, acknowledged: &[Value]) {
    let refused = |journal: &Path, acknowledged: &[Value]| {
        let judged = std::panic::catch_unwind(|| judge(data, journal, jobs, acknowledged));
        assert!(judged.is_err(), "the judge is blind");
    };
    for kind in ["\"launch\"", "\"submitted\""] {
        let mut lines: Vec<String> = std::fs::read_to_string(journal).unwrap().lines().map(str::to_owned).collect();
        let name = jobs.keys().next().unwrap();
        let of_job = |line: &&String| line.contains(kind) && line.contains(name);
        let entry = lines.iter().rev().find(of_job).unwrap().clone();
        lines.push(entry);
        let doubled = data.with_file_name("doubled.jsonl");
        std::fs::write(&doubled, lines.join("\n") + "\n").unwrap();
        refused(&doubled, acknowledged);
    }
    let mut forged = acknowledged.to_vec();
    let mut start = acknowledged.iter().find(|report| report["kind"] == "start").unwrap().clone();
    start["segment"] = 999.into();
    forged.push(start);
    refused(journal, &forged);
}
