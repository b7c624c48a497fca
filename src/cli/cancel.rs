//! `mesos-qos cancel`: give up a job.

use std::io::Write;

use clap::Args;

use super::remote::{RemoteArgs, printable};
use crate::api::view::JobView;
use crate::qos::ids::JobId;

/// Stop supervising a job and remove it from its framework
#[derive(Debug, Args)]
pub struct CancelArgs {
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
/// When the supervisor cannot be asked or refuses.
pub async fn run(args: CancelArgs, mut out: impl Write, say: &(dyn Fn(&str) + Send + Sync)) -> anyhow::Result<()> {
    let remote = args.remote.open(say)?;
    let job: JobView = remote.delete(&["jobs", &args.uuid.to_string()]).await?;
    if args.json {
        serde_json::to_writer(&mut out, &job)?;
        writeln!(out)?;
    } else {
        writeln!(out, "{} {} is {}", job.uuid, printable(&job.name), job.state)?;
    }
    Ok(())
}
