//! What really happened to a job, from three witnesses that know nothing of each other: the supervisor's event log, the cluster's
//! launch journal with the kernel's CPU counters, and what the jobs themselves printed.

use std::collections::BTreeMap;

use anyhow::{Context as _, ensure};
use serde_json::Value;

use super::in_place::limits_set;
use super::testbed::Files;
use crate::events::job::{JobEvent, upcasters};
use crate::events::store::{OfflineLog, ReadError, Replay, verify};
use crate::local::journal::{self, Entry};
use crate::local::usage::{JobUsage, Ledger};
use crate::qos::ids::JobId;
use crate::qos::units::{Cpus, Timestamp};

/// Everything about one job.
#[derive(Debug, Clone, Default)]
pub struct Evidence {
    /// Its events, in order.
    pub events: Vec<JobEvent>,
    /// When each of them was recorded.
    pub recorded_at: Vec<Timestamp>,
    /// Its runs, with what the kernel counted.
    pub usage: JobUsage,
    /// The CPU of each replacement of the job in the framework, in order, without those that only say where its next task is to start.
    pub replacements: Vec<Cpus>,
    /// What the programs that a task has run measured of themselves, in order, by the task's place in the journal.
    pub own_figures: BTreeMap<u64, Vec<OwnFigures>>,
    /// The limits that a task's agent says that it has set while the job ran, by the task's place in the journal.
    pub limits_set: BTreeMap<u64, Vec<Cpus>>,
}

impl Evidence {
    /// All that the programs measured of themselves.
    pub fn all_own_figures(&self) -> impl Iterator<Item = &OwnFigures> {
        self.own_figures.values().flatten()
    }
}

/// What a run's program printed about itself.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OwnFigures {
    /// Order of the published matrix.
    pub order: u32,
    /// How long it took, s.
    pub wall_s: f64,
    /// CPU seconds of a real core.
    pub cpu_s: f64,
}

/// The evidence about all jobs of a case.
#[derive(Debug, Clone, Default)]
pub struct Case {
    /// By the job's name.
    pub jobs: BTreeMap<String, Evidence>,
    /// Events in the log, of which each is a verified link of its hash chain.
    pub events: i64,
}

/// Collects the evidence about `jobs` (uuid and name). Supervisor and cluster must have ended.
///
/// # Errors
/// When a file cannot be read, or the event log's chain is broken.
pub fn collect(files: &Files, jobs: &[(JobId, String)], now: Timestamp) -> anyhow::Result<Case> {
    let mut case = Case::default();
    let log = files.event_log();
    let report = verify(&log, None).context("the event log")?;
    ensure!(report.fault.is_none(), "the event log is damaged: {:?}", report.fault);
    case.events = report.head.seq.0;
    for (uuid, name) in jobs {
        let evidence = case.jobs.entry(name.clone()).or_default();
        (evidence.recorded_at, evidence.events) = events(&OfflineLog::open(&log)?, *uuid)?;
    }
    let entries = journal::read(&files.journal()).context("the launch journal")?;
    let mut ledger = Ledger::default();
    entries.iter().for_each(|entry| ledger.note(entry));
    for (name, cpus) in replacements(&entries) {
        case.jobs.entry(name.to_owned()).or_default().replacements.push(cpus);
    }
    for (name, usage) in ledger.usage(now, |_| None) {
        let evidence = case.jobs.entry(name).or_default();
        for launch in &usage.launches {
            let printed = std::fs::read_to_string(files.output(launch.seq, "stdout")).unwrap_or_default();
            let figures: Vec<OwnFigures> = printed.lines().filter_map(own_figures).collect();
            if !figures.is_empty() {
                evidence.own_figures.insert(launch.seq, figures);
            }
            let said = std::fs::read_to_string(files.output(launch.seq, "stderr")).unwrap_or_default();
            let limits: Vec<Cpus> = limits_set(&said).collect();
            if !limits.is_empty() {
                evidence.limits_set.insert(launch.seq, limits);
            }
        }
        evidence.usage = usage;
    }
    Ok(case)
}

fn events(log: &OfflineLog, uuid: JobId) -> anyhow::Result<(Vec<Timestamp>, Vec<JobEvent>)> {
    let upcasters = upcasters();
    let (mut recorded_at, mut events) = (Vec::new(), Vec::new());
    log.for_each_event(Replay::Stream(uuid.into()), |event| -> Result<(), Unreadable> {
        let data = upcasters.newest(event).map_err(anyhow::Error::from)?;
        recorded_at.push(event.at);
        events.push(JobEvent::decode(&event.kind, &data).map_err(anyhow::Error::from)?);
        Ok(())
    })
    .map_err(|Unreadable(error)| error.context("the event log"))?;
    Ok((recorded_at, events))
}

/// Why the event log, or one of its events, could not be read.
pub(super) struct Unreadable(pub(super) anyhow::Error);

impl From<ReadError> for Unreadable {
    fn from(error: ReadError) -> Self {
        Unreadable(error.into())
    }
}

impl From<anyhow::Error> for Unreadable {
    fn from(error: anyhow::Error) -> Self {
        Unreadable(error)
    }
}

/// From the workload's one line of a run.
fn own_figures(line: &str) -> Option<OwnFigures> {
    let line = line.strip_prefix("lu ")?;
    let value = |name: &str| line.split(' ').find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
    Some(OwnFigures {
        order: value("order")?.parse().ok()?,
        wall_s: value("wall_s")?.parse().ok()?,
        cpu_s: value("cpu_s")?.parse().ok()?,
    })
}

/// The job and the CPU of each replacement, without those that only change on which nodes a job may start.
fn replacements(entries: &[Entry]) -> Vec<(&str, Cpus)> {
    let mut last: BTreeMap<&str, (Cpus, &[Value])> = BTreeMap::new();
    let mut found = Vec::new();
    for entry in entries {
        let Entry::Submitted { job, replaced, milli_cpus, constraints, .. } = entry else { continue };
        let before = last.insert(job, (*milli_cpus, constraints));
        let only_where = before.is_some_and(|(cpus, nodes)| cpus == *milli_cpus && nodes != constraints);
        if *replaced && !only_where {
            found.push((job.as_str(), *milli_cpus));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replacement_that_says_where_a_task_may_start_is_no_resize_and_one_that_says_nothing_new_is() {
        let submitted = |milli, nodes: &[&str]| Entry::Submitted {
            at: Timestamp::from_micros(1),
            job: "a".into(),
            replaced: milli != 1000,
            milli_cpus: Cpus::from_milli(milli),
            constraints: nodes.iter().map(|node| serde_json::json!(["hostname", "LIKE", node])).collect(),
        };
        let entries = [(1000, &[][..]), (950, &[]), (950, &["n1"]), (950, &["n1"]), (950, &[]), (900, &["n2"])];
        let entries = entries.map(|(milli, nodes)| submitted(milli, nodes));
        let found: Vec<u32> = replacements(&entries).into_iter().map(|(_, cpus)| cpus.milli()).collect();
        assert_eq!(found, [950, 950, 900]);
    }

    #[test]
    fn the_figures_of_the_workload_are_found_in_what_it_printed() {
        let printed = "lu order=6000 factorisations=9 wall_s=8.1 cpu_s=1.362 virtual_cpu_s=8.012 residual=1e0";
        assert_eq!(own_figures(printed), Some(OwnFigures { order: 6000, wall_s: 8.1, cpu_s: 1.362 }));
        assert_eq!(own_figures("lu?"), None);
        assert_eq!(own_figures("lu order=6000"), None);
        assert_eq!(own_figures(""), None);
    }
}
