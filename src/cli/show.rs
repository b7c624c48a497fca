//! `mesos-qos show`: one job, now.

use std::io::Write;

use clap::Args;

use super::present;
use super::remote::RemoteArgs;
use super::which_job::ask;
use crate::api::view::JobView;

/// Show one job: state, prediction, CPU, what is left
#[derive(Debug, Args)]
pub struct ShowArgs {
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
/// When the supervisor cannot be asked or does not know the job, or when that may be several.
pub async fn run(args: ShowArgs, mut out: impl Write, say: &(dyn Fn(&str) + Send + Sync)) -> anyhow::Result<()> {
    let remote = args.remote.open(say)?;
    let job = ask(&remote, &args.job).await?;
    let job: JobView = remote.get(&["jobs", &job.to_string()], &[]).await?;
    if args.json {
        serde_json::to_writer(&mut out, &job)?;
        writeln!(out)?;
    } else {
        writeln!(out, "{}", present::details(&job))?;
    }
    Ok(())
}
