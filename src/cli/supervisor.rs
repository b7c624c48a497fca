//! `mesos-qos supervisor`: runs until it is told to stop.

use std::io::Write;
use std::sync::Arc;

use anyhow::Context;

use super::supervisor_args::SupervisorArgs;
use crate::clock::SystemClock;
use crate::config::Settings;
use crate::logging::{self, LogFiles};
use crate::shutdown::Shutdown;
use crate::supervise;

/// Runs the command. `out` gets the address as soon as it can be reached, so that port 0 is of use; everything else is logged.
///
/// # Errors
/// When the settings are wrong, something they name cannot be used, or the server fails.
pub fn run(args: &SupervisorArgs, mut out: impl Write) -> anyhow::Result<()> {
    let settings = args.settings(std::env::vars_os())?;
    if args.print_config {
        return Ok(out.write_all(settings.to_toml()?.as_bytes())?);
    }
    let s = &settings.supervisor;
    let files = LogFiles { directory: &s.log_directory, most: s.log_files };
    let _written_at_the_end = logging::init(s.log_format, Some(files))?;
    settings.warnings().iter().for_each(|warning| tracing::warn!("{warning}"));
    actix::System::new().block_on(serve(&settings, out)).inspect_err(|error| {
        // Every command's error is told on stderr; here it is wanted in the file too.
        tracing::error!(target: logging::FILE_ONLY, "{error:#}");
    })
}

async fn serve(settings: &Settings, mut out: impl Write) -> anyhow::Result<()> {
    let shutdown = Shutdown::listen().context("cannot listen for signals")?;
    let (supervising, server) = supervise::start(settings, Arc::new(SystemClock)).await?;
    let mut server = actix_rt::spawn(server);
    let scheme = if settings.tls.certificate.is_some() { "https" } else { "http" };
    tracing::info!(version = env!("CARGO_PKG_VERSION"), "listening on {scheme}://{}", supervising.address);
    writeln!(out, "listening on {scheme}://{}", supervising.address)?;
    out.flush()?;
    let stopped = shutdown.token();
    tokio::select! {
        () = stopped.cancelled() => {
            supervising.stop().await;
            server.await.context("the server")??;
            tracing::info!("stopped");
            Ok(())
        }
        ended = &mut server => {
            supervising.stop().await;
            ended.context("the server")??;
            anyhow::bail!("the server ended by itself")
        }
    }
}
