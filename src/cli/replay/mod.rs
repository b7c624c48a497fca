//! `mesos-qos replay`: recorded decisions computed again, and what would have been under a change.

pub mod check;
mod tables;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::Args;
use serde::Serialize;

use super::which_job::{WhichJob, find};
use crate::config::Choice as _;
use crate::events::envelope::StoredEvent;
use crate::events::source::LogSource;
use crate::events::store::{ReadError, Replay};
use crate::qos::ids::JobId;
use crate::qos::policy::PolicyName;
use crate::qos::units::Cpus;
use crate::replay::{
    Change, CheckReport, Comparison, JobHistory, Options, SearchResult, Sharing, counterfactual, histories, search,
    what_there_is,
};
use crate::supervise::changed_policy;

/// Compute every decision of a log again and compare bytes; with --policy, --set or --cpus say what would have been
///
/// Without a change every decision of every job, and every round of the arbitration, is computed again from the events before it, by the
/// recorded policy with its recorded parameters. A difference is exit code 1. With a change the recorded work is run again under it.
#[derive(Debug, Args)]
pub struct ReplayArgs {
    /// The event log: events.db in the supervisor's data directory, a copy of it, or what `mesos-qos log export` has written
    #[arg(long, value_name = "DB|JSONL")]
    log: PathBuf,
    /// Only this job: its uuid, the beginning of one, or its name; `all` for all jobs
    #[arg(long, value_name = "JOB", default_value = "all")]
    job: WhichJob,
    /// What would this policy have done?
    #[arg(long, value_parser = policy, value_name = "POLICY")]
    policy: Option<PolicyName>,
    /// What would have been with this setting of the section elasticity? May be repeated. cluster_cpus (and node_cpus) make the jobs share
    /// nodes under the arbitration
    #[arg(long = "set", value_parser = setting, value_name = "KEY=VALUE")]
    set: Vec<(String, String)>,
    /// What would have been with this CPU from the first iteration to the last?
    #[arg(long, value_parser = cpus, value_name = "CPUS", conflicts_with_all = ["policy", "set"])]
    cpus: Option<Cpus>,
    /// What is the least CPU, and what the latest resize, that would have met a missed deadline?
    #[arg(long, conflicts_with_all = ["policy", "set", "cpus"])]
    search: bool,
    /// Each job waits for nodes as long as it did, whatever the others do; always so for one job
    #[arg(long)]
    alone: bool,
    /// Draws of what is not known, for intervals and chances
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    draws: u32,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Document {
    #[serde(flatten)]
    check: CheckReport,
    #[serde(skip_serializing_if = "Option::is_none")]
    counterfactual: Option<Comparison>,
    #[serde(skip_serializing_if = "Option::is_none")]
    search: Option<Vec<SearchResult>>,
    /// What was left out of the search.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    search_notes: Vec<String>,
}

/// Runs the command; what it prints goes to `out`.
///
/// # Errors
/// When the log cannot be read or is not whole, or what is asked for cannot be computed.
pub fn run(args: &ReplayArgs, mut out: impl Write) -> anyhow::Result<ExitCode> {
    let source = LogSource::open(&args.log)?;
    let wants_change = args.policy.is_some() || !args.set.is_empty() || args.cpus.is_some() || args.search;
    let mut document =
        Document { check: CheckReport::default(), counterfactual: None, search: None, search_notes: Vec::new() };
    if wants_change {
        check::whole(&source)?;
        let jobs = jobs(&source, &args.job)?;
        document.check.events = jobs.iter().map(|job| job.events().len() as u64).sum();
        if args.search {
            let (found, left_out) = what_there_is(jobs.iter().map(|job| search(job, None)))?;
            (document.search, document.search_notes) = (Some(found), left_out);
        } else {
            document.counterfactual = Some(compare(args, &jobs)?);
        }
    } else {
        let only = match &args.job {
            WhichJob::All => None,
            WhichJob::Named(_) => Some(jobs(&source, &args.job)?.first().map(JobHistory::job).context("no job")?),
        };
        document.check = check::recompute(&source, only)?;
    }
    let same = document.check.is_the_same();
    if args.json {
        serde_json::to_writer(&mut out, &document)?;
        writeln!(out)?;
    } else {
        tables::show(&document, &mut out)?;
    }
    out.flush()?;
    if !same {
        eprintln!("error: {}", check::first_finding(&document.check));
    }
    Ok(if same { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn compare(args: &ReplayArgs, jobs: &[JobHistory]) -> anyhow::Result<Comparison> {
    let (change, cluster) = match args.cpus {
        Some(cpus) => (Change::Cpus(cpus), None),
        None => {
            let recorded = jobs.iter().map(|job| &job.registered().policy);
            let first = recorded.clone().next().context("the log holds no job")?;
            if args.policy.is_none() && recorded.clone().any(|other| other.policy.which() != first.policy.which()) {
                bail!("the jobs have different policies: name the one that the settings are for by --policy");
            }
            let changed = changed_policy(first, args.policy, &args.set, jobs.len() > 1 && !args.alone)?;
            (Change::Policy(changed.settings), changed.cluster)
        }
    };
    let sharing = match (jobs.len(), cluster) {
        (0 | 1, _) => Sharing::Alone,
        _ if args.alone => Sharing::Alone,
        (_, Some((nodes, aim))) => Sharing::Nodes(nodes, Some(aim)),
        (_, None) => Sharing::Seen,
    };
    let options = Options { draws: args.draws, sharing };
    let mut comparison = counterfactual(jobs, &change, &options)?;
    for (nth, (key, value)) in args.set.iter().enumerate() {
        comparison.change.push_str(&format!("{}{key}={value}", if nth == 0 { " with " } else { ", " }));
    }
    Ok(comparison)
}

/// The jobs that are meant and have begun to work.
fn jobs(source: &LogSource, which: &WhichJob) -> anyhow::Result<Vec<JobHistory>> {
    let mut jobs = match which {
        WhichJob::Named(wanted) => {
            let job = find(source, wanted)?;
            histories(&read(source, Replay::Stream(job.into()))?)?
        }
        WhichJob::All => {
            let all = histories(&read(source, Replay::Everything)?)?;
            let began = |job: &JobHistory| job.events().iter().any(|event| worked(event.event.kind()));
            all.into_iter().filter(began).collect()
        }
    };
    jobs.sort_by_key(|job| (job.registered_at(), job.job()));
    if jobs.is_empty() {
        bail!("{} holds no job that has worked", source.path().display());
    }
    Ok(jobs)
}

fn worked(kind: &str) -> bool {
    matches!(kind, "IterationFinished" | "CpuSample")
}

/// All events of `scope`.
pub(super) fn read(source: &LogSource, scope: Replay) -> Result<Vec<StoredEvent>, ReadError> {
    let mut events = Vec::new();
    source.for_each_event(scope, |event| {
        events.push(event.clone());
        Ok::<(), ReadError>(())
    })?;
    Ok(events)
}

fn policy(text: &str) -> Result<PolicyName, String> {
    PolicyName::from_word(text).ok_or_else(PolicyName::expected)
}

fn setting(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or_else(|| format!("{text:?} should be KEY=VALUE"))?;
    Ok((key.trim().to_owned(), value.trim().to_owned()))
}

fn cpus(text: &str) -> Result<Cpus, String> {
    let cpus: f64 = text.parse().map_err(|_| format!("{text:?} is no number"))?;
    Cpus::try_from_f64(cpus).ok().filter(|cpus| cpus.milli() > 0).ok_or_else(|| format!("{text:?} is no CPU"))
}

/// The job's own identity in an error.
pub(super) fn named(job: JobId, name: &str) -> String {
    format!("{} ({job})", super::remote::printable(name))
}
