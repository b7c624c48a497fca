//! Judges by two records that know nothing of each other: the supervisor's event log and the cluster's launch journal.

use std::collections::BTreeMap;
use std::path::Path;

use mesos_qos::cli::replay::check::recompute;
use mesos_qos::events::job::{IterationFinished, JobEvent, Outcome, RunKey};
use mesos_qos::events::source::LogSource;
use mesos_qos::events::store::verify;
use mesos_qos::local::journal::{self, Entry};
use mesos_qos::qos::ids::JobId;
use rusqlite::{Connection, OpenFlags};

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

fn finished(data: &Path, job: JobId) -> Vec<IterationFinished> {
    let events = events(data, job).into_iter().filter_map(|event| match event {
        JobEvent::IterationFinished(finished) => Some(finished),
        _ => None,
    });
    events.collect()
}

pub fn completed(data: &Path, job: JobId) -> bool {
    events(data, job).iter().any(|event| matches!(event, JobEvent::Completed(_)))
}

pub fn removed(data: &Path, job: JobId) -> bool {
    events(data, job).iter().any(|event| matches!(event, JobEvent::Removed(_)))
}

pub fn describe(data: &Path, jobs: &BTreeMap<&str, (JobId, u32)>) -> String {
    let describe = |(name, (job, iterations)): (&&str, &(JobId, u32))| {
        let events = events(data, *job);
        let last: Vec<_> = events.iter().rev().take(4).collect();
        format!("{name}: {} of {iterations} finished; last events: {last:#?}\n", finished(data, *job).len())
    };
    jobs.iter().map(describe).collect()
}

fn link(key: &RunKey) -> (&str, u32) {
    match key {
        RunKey::Run { run, index } => (run, *index),
        RunKey::StartedAt(_) => panic!("a job of our launcher reports its run id"),
    }
}

/// The tasks of the counted iterations. Each is one chain without a gap, and of one link where the job is not chained.
fn tasks<'a>(name: &str, links: &[(&'a str, u32)]) -> Vec<&'a str> {
    let mut tasks: Vec<&str> = Vec::new();
    for (run, index) in links {
        match links.iter().position(|link| link == &(*run, *index)).and_then(|at| at.checked_sub(1)) {
            _ if *index == 0 => tasks.push(run),
            before => {
                assert_eq!(before.map(|at| links[at]), Some((*run, index - 1)), "{name}: a chain has a gap: {links:?}")
            }
        }
    }
    assert!(name.starts_with("chain") || links.iter().all(|(_, index)| *index == 0), "{name}: {links:?}");
    tasks
}

pub fn judge(data: &Path, journal: &Path, jobs: &BTreeMap<&str, (JobId, u32)>, acknowledged: &[serde_json::Value]) {
    let report = verify(&data.join("events.db"), None).unwrap();
    assert!(report.fault.is_none(), "the hash chain is broken: {report:?}");
    let again = recompute(&LogSource::open(&data.join("events.db")).unwrap(), None).unwrap();
    assert!(again.is_the_same() && again.decisions > 0, "what was decided does not follow from the log: {again:#?}");
    assert!(again.answers > 0, "no task of a chain was answered: {again:?}");
    let journal = journal::read(journal).unwrap();
    assert!(!acknowledged.is_empty());
    for (name, (job, iterations)) in jobs {
        let finished = finished(data, *job);
        let counted: Vec<_> = finished.iter().filter(|f| f.outcome == Outcome::Counted).collect();
        let order: Vec<_> = counted.iter().map(|f| f.iteration).collect();
        assert_eq!(order, (1..=*iterations).collect::<Vec<_>>(), "{name}: each iteration counted once, in order");
        assert_eq!(finished.len(), counted.len(), "{name}: nothing ran beside the plan");

        let launched: Vec<_> = journal
            .iter()
            .filter_map(|entry| match entry {
                Entry::Launch { job, task, .. } if job == name => Some(task.as_str()),
                _ => None,
            })
            .collect();
        let reported: Vec<_> = counted.iter().map(|f| link(&f.key)).collect();
        assert_eq!(
            launched,
            tasks(name, &reported),
            "{name}: the processes that ran are the tasks of the iterations that count"
        );
        if *name == "chain1" {
            assert_eq!(launched.len(), 1, "{name}: a supervisor that comes back in time breaks no chain");
        }

        for report in acknowledged.iter().filter(|report| report["uuid"] == job.to_string()) {
            let same = |(run, index): &&(&str, u32)| report["run"] == *run && report["index"] == *index;
            let times = reported.iter().filter(same).count();
            assert_eq!(times, 1, "{name}: an acknowledged report is in the log once: {report}");
        }
    }
}

/// The same judgement refuses a process too many and an acknowledged report too many.
pub fn is_not_blind(
    data: &Path,
    journal: &Path,
    jobs: &BTreeMap<&str, (JobId, u32)>,
    acknowledged: &[serde_json::Value],
) {
    let refused = |journal: &Path, acknowledged: &[serde_json::Value]| {
        let judged = std::panic::catch_unwind(|| judge(data, journal, jobs, acknowledged));
        assert!(judged.is_err(), "the judge is blind");
    };
    let mut lines: Vec<String> = std::fs::read_to_string(journal).unwrap().lines().map(str::to_owned).collect();
    let launch = lines.iter().find(|line| line.contains("\"launch\"")).unwrap().clone();
    lines.push(launch);
    let doubled = data.with_file_name("doubled.jsonl");
    std::fs::write(&doubled, lines.join("\n") + "\n").unwrap();
    refused(&doubled, acknowledged);
    let mut lost = acknowledged[0].clone();
    lost["run"] = "a run that the log does not have".into();
    refused(journal, &[lost]);
}
