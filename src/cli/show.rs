//! `mesos-qos show`: one job, now.

use std::io::Write;

use clap::Args;

use super::present;
use super::remote::RemoteArgs;
use crate::api::view::JobView;
use crate::qos::ids::JobId;

/// Show one job: state, prediction, CPU, what is left
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// The job, as `launch` and `jobs` print it
    uuid: JobId,
    #[command(flatten)]
    remote: RemoteArgs,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

/// Runs the command; what it prints goes to `out`, warnings to `say`.
///
/// # Errors
/// When the supervisor cannot be asked or does not know the job.
pub async fn run(args: ShowArgs, mut out: impl Write, say: &(dyn Fn(&str) + Send + Sync)) -> anyhow::Result<()> {
    let remote = args.remote.open(say)?;
    let job: JobView = remote.get(&["jobs", &args.uuid.to_string()], &[]).await?;
    if args.json {
        serde_json::to_writer(&mut out, &job)?;
        writeln!(out)?;
    } else {
        writeln!(out, "{}", present::details(&job))?;
    }
    Ok(())
}
