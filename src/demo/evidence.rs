//! What really happened to a job, from three witnesses that know nothing of each other: the supervisor's event log, the cluster's
//! launch journal with the kernel's CPU counters, and what the jobs themselves printed.

use std::collections::BTreeMap;

use anyhow::{Context as _, ensure};

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
    /// Its runs, with what the kernel counted.
    pub usage: JobUsage,
    /// The CPU of each replacement of the job in the framework, in order.
    pub replacements: Vec<Cpus>,
    /// CPU seconds of a real core that each run's program measured of itself, by the run's place in the journal.
    pub own_figures: BTreeMap<u64, f64>,
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
        case.jobs.entry(name.clone()).or_default().events = events(&OfflineLog::open(&log)?, *uuid)?;
    }
    let entries = journal::read(&files.journal()).context("the launch journal")?;
    let mut ledger = Ledger::default();
    for entry in &entries {
        ledger.note(entry);
        if let Entry::Submitted { job, replaced: true, milli_cpus, .. } = entry {
            case.jobs.entry(job.clone()).or_default().replacements.push(*milli_cpus);
        }
    }
    for (name, usage) in ledger.usage(now) {
        let evidence = case.jobs.entry(name).or_default();
        for launch in &usage.launches {
            let printed = std::fs::read_to_string(files.output(launch.seq, "stdout")).unwrap_or_default();
            if let Some(seconds) = own_figure(&printed) {
                evidence.own_figures.insert(launch.seq, seconds);
            }
        }
        evidence.usage = usage;
    }
    Ok(case)
}

fn events(log: &OfflineLog, uuid: JobId) -> anyhow::Result<Vec<JobEvent>> {
    let upcasters = upcasters();
    let mut events = Vec::new();
    log.for_each_event(Replay::Stream(uuid.into()), |event| -> Result<(), Unreadable> {
        let data = upcasters.newest(event).map_err(anyhow::Error::from)?;
        events.push(JobEvent::decode(&event.kind, &data).map_err(anyhow::Error::from)?);
        Ok(())
    })
    .map_err(|Unreadable(error)| error.context("the event log"))?;
    Ok(events)
}

struct Unreadable(anyhow::Error);

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

/// `cpu_s=` of the workload's line.
fn own_figure(printed: &str) -> Option<f64> {
    let line = printed.lines().rev().find(|line| line.starts_with("lu "))?;
    line.split(' ').find_map(|word| word.strip_prefix("cpu_s="))?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_figure_of_the_workload_is_found_in_what_it_printed() {
        let printed =
            "something\nlu order=6000 factorisations=9 wall_s=8.1 cpu_s=1.362 virtual_cpu_s=8.012 residual=1e0\n";
        assert_eq!(own_figure(printed), Some(1.362));
        assert_eq!(own_figure("lu order=6000"), None);
        assert_eq!(own_figure(""), None);
    }
}
