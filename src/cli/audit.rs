//! `mesos-qos audit`: every decision about one job, with its inputs and its reason.

use std::io::Write;
use std::path::PathBuf;

use anyhow::Context as _;
use chrono::DateTime;
use clap::Args;

use super::remote::{Remote, RemoteArgs, printable};
use super::replay::{check, read};
use super::which_job::{find, pick};
use crate::api::view::{Instant, JobView, Page};
use crate::events::envelope::StoredEvent;
use crate::events::source::LogSource;
use crate::events::store::Replay;
use crate::qos::ids::JobId;
use crate::replay::{DecisionStory, JobHistory, JobStory, histories, story};

/// Items asked for in one request.
const PAGE: usize = 500;

/// Tell every decision about a job: when, from what, why, and what its framework answered
#[derive(Debug, Args)]
pub struct AuditArgs {
    /// The job: its uuid, at least four characters of one, or its name
    #[arg(value_name = "JOB")]
    job: String,
    /// Read this event log instead of asking a supervisor: events.db in its data directory, a copy of it, or exported lines
    #[arg(long, value_name = "DB|JSONL")]
    database: Option<PathBuf>,
    #[command(flatten)]
    remote: RemoteArgs,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

/// Runs the command; what it prints goes to `out`, warnings to `say`.
///
/// # Errors
/// When the supervisor cannot be asked, the log cannot be read, or the job is not known or may be several.
pub async fn run(args: AuditArgs, mut out: impl Write, say: &(dyn Fn(&str) + Send + Sync)) -> anyhow::Result<()> {
    let history = match &args.database {
        Some(path) => {
            let source = LogSource::open(path)?;
            check::whole(&source)?;
            let job = find(&source, &args.job)?;
            let events = read(&source, Replay::Stream(job.into()))?;
            histories(&events)?.pop()
        }
        None => of_supervisor(&args.remote.open(say)?, &args.job).await?,
    };
    let story = story(&history.context("the job has no events")?);
    if args.json {
        serde_json::to_writer(&mut out, &story)?;
        writeln!(out)?;
    } else {
        tell(&story, &mut out)?;
    }
    Ok(())
}

async fn of_supervisor(remote: &Remote, wanted: &str) -> anyhow::Result<Option<JobHistory>> {
    let job = match wanted.parse() {
        Ok(job) => job,
        Err(_) => pick(&registered(remote).await?, wanted)?,
    };
    let path = ["jobs", &job.to_string(), "events"];
    let events: Vec<StoredEvent> = all(remote, &path).await?;
    Ok(histories(&events)?.pop())
}

async fn registered(remote: &Remote) -> anyhow::Result<Vec<(JobId, String)>> {
    let jobs: Vec<JobView> = all(remote, &["jobs"]).await?;
    Ok(jobs.into_iter().map(|job| (job.uuid, job.name)).collect())
}

async fn all<T: serde::de::DeserializeOwned>(remote: &Remote, path: &[&str]) -> anyhow::Result<Vec<T>> {
    let mut items = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let mut query = vec![("limit", PAGE.to_string())];
        query.extend(after.take().map(|after| ("after", after)));
        let page: Page<T> = remote.get(path, &query).await?;
        // A page that brings nothing and yet names a next one would never end.
        let brought = !page.items.is_empty();
        items.extend(page.items);
        match page.next {
            Some(next) if brought => after = Some(next),
            _ => return Ok(items),
        }
    }
}

fn tell(story: &JobStory, out: &mut impl Write) -> anyhow::Result<()> {
    let JobStory { uuid, name, framework, registered_at, deadline_at, state, decisions } = story;
    writeln!(out, "{} {uuid}: a {framework} job, {state}", printable(name))?;
    writeln!(out, "registered {}, deadline {}", time(*registered_at), time(*deadline_at))?;
    if decisions.is_empty() {
        writeln!(out, "nothing was decided about it")?;
    }
    for (nth, decision) in decisions.iter().enumerate() {
        writeln!(out)?;
        tell_one(nth + 1, decision, out)?;
    }
    Ok(())
}

fn tell_one(nth: usize, one: &DecisionStory, out: &mut impl Write) -> anyhow::Result<()> {
    let change =
        if one.from == one.to { format!("{} CPU stay", one.to) } else { format!("{} -> {} CPU", one.from, one.to) };
    let only = if one.only_recommended { ", only recommended" } else { "" };
    writeln!(out, "{nth}. {}  {}  {change}{only}", time(one.at), one.performance)?;
    writeln!(out, "   {}", printable(&one.reason))?;
    if let Some(input) = &one.input {
        writeln!(out, "   from event {} at {}: {}", input.version, time(input.at), printable(&input.text))?;
    }
    if let (Some(prediction), Some(lower), Some(upper)) = (one.prediction, one.lower, one.upper) {
        let left = one.remaining.map_or_else(String::new, |left| format!("{left} iterations left, "));
        let (prediction, lower, upper) = (time(prediction), time(lower), time(upper));
        writeln!(out, "   {left}predicted finish {prediction}, on plan from {lower} to {upper}")?;
    }
    if let (Some(ratio), Some(used), Some(desired)) = (one.progress_ratio, one.cpu_seconds, one.cpu_seconds_desired) {
        writeln!(out, "   {used:.1} CPU-seconds used of {desired:.1} by then: ratio {ratio:.3}")?;
    }
    if let Some(wish) = one.wish {
        writeln!(out, "   the policy wished for {wish} CPU")?;
    }
    let (name, version, fold) = (one.policy.policy.name(), one.policy.version, one.fold);
    writeln!(out, "   policy {name} version {version}, fold {fold}, event {}", one.version)?;
    for answer in &one.answers {
        writeln!(out, "   {}  {}", time(answer.at), printable(&answer.text))?;
    }
    Ok(())
}

/// To the millisecond, in UTC: decisions of a demo are close together.
fn time(at: Instant) -> String {
    DateTime::from_timestamp_micros(at.0.micros())
        .map_or_else(|| at.to_string(), |at| at.format("%Y-%m-%d %H:%M:%S%.3fZ").to_string())
}
