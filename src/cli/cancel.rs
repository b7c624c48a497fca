//! `mesos-qos cancel`: give up a job.

use std::io::Write;

use clap::Args;

use super::remote::{RemoteArgs, printable};
use super::which_job::ask;
use crate::api::view::JobView;

/// Stop supervising a job and remove it from its framework
#[derive(Debug, Args)]
pub struct CancelArgs {
    /// The job: its uuid, at least four characters of one, or its name
    #[arg(value_name = "JOB")]
    job: String,
    #[command(flatten)]
    remote: RemoteArgs,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

/// Runs the command; what it prints goes to `out`, warnings to `say`.
///
/// # Errors
/// When the supervisor cannot be asked or refuses, or when the job may be several.
pub async fn run(args: CancelArgs, mut out: impl Write, say: &(dyn Fn(&str) + Send + Sync)) -> anyhow::Result<()> {
    let remote = args.remote.open(say)?;
    let job = ask(&remote, &args.job).await?;
    let job: JobView = remote.delete(&["jobs", &job.to_string()]).await?;
    if args.json {
        serde_json::to_writer(&mut out, &job)?;
        writeln!(out)?;
    } else {
        writeln!(out, "{} {} is {}", job.uuid, printable(&job.name), job.state)?;
    }
    Ok(())
}
