//! `mesos-qos jobs`: what the supervisor supervises.

use std::io::Write;

use clap::Args;
use clap::builder::PossibleValuesParser;

use super::present;
use super::remote::{Remote, RemoteArgs};
use crate::api::view::{JobState, JobView, Page};

/// Jobs asked for in one request.
const PAGE: usize = 200;

/// List the jobs of a supervisor, one a line
#[derive(Debug, Args)]
pub struct JobsArgs {
    #[command(flatten)]
    remote: RemoteArgs,
    /// Only jobs in this state
    #[arg(long, value_parser = PossibleValuesParser::new(JobState::ALL.map(JobState::as_str)))]
    state: Option<String>,
    /// Only jobs of this framework
    #[arg(long, value_parser = ["chronos", "marathon"])]
    framework: Option<String>,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

/// Runs the command; what it prints goes to `out`, warnings to `say`.
///
/// # Errors
/// When the supervisor cannot be asked.
pub async fn run(args: JobsArgs, mut out: impl Write, say: &(dyn Fn(&str) + Send + Sync)) -> anyhow::Result<()> {
    let remote = args.remote.open(say)?;
    let filters = [("state", args.state), ("framework", args.framework)];
    let filters: Vec<_> = filters.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
    let Page { items, unreadable, .. } = all(&remote, &filters).await?;
    for job in &unreadable {
        say(&format!("{} ({}) cannot be shown: {}", job.name, job.uuid, job.problem));
    }
    if args.json {
        serde_json::to_writer(&mut out, &Page { items, next: None, unreadable })?;
        writeln!(out)?;
    } else if items.is_empty() {
        writeln!(out, "no jobs")?;
    } else {
        writeln!(out, "{}", present::table(&items))?;
    }
    Ok(())
}

/// All pages as one.
pub(super) async fn all(remote: &Remote, filters: &[(&str, String)]) -> anyhow::Result<Page<JobView>> {
    let mut jobs = Page::new(Vec::new(), None);
    let mut after: Option<String> = None;
    loop {
        let mut query = filters.to_vec();
        query.push(("limit", PAGE.to_string()));
        query.extend(after.take().map(|after| ("after", after)));
        let page: Page<JobView> = remote.get(&["jobs"], &query).await?;
        // A page that brings nothing and yet names a next one would never end.
        let brought = !page.items.is_empty() || !page.unreadable.is_empty();
        jobs.items.extend(page.items);
        jobs.unreadable.extend(page.unreadable);
        match page.next {
            Some(next) if brought => after = Some(next),
            _ => return Ok(jobs),
        }
    }
}
