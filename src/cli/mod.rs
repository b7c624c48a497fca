//! The command line: one file a subcommand.
//!
//! Every command ends with 0 when it did what it was asked to, 1 when that failed, 2 when it was asked wrongly, which includes
//! settings that cannot hold; `log verify` with 3 when only an archive is missing or changed. Results go to standard output, everything else to standard error.

pub mod audit;
pub mod cancel;
pub mod completions;
pub mod delay;
pub mod demo;
pub mod jobs;
pub mod launch;
pub mod local;
pub mod log;
pub mod man;
pub mod monasca;
mod present;
pub mod remote;
pub mod replay;
pub mod show;
pub mod simulate;
pub mod supervisor;
pub mod supervisor_args;
mod which_job;
mod workload;

use std::future::Future;
use std::io;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use clap::{CommandFactory, Parser, Subcommand};

use crate::clock::SystemClock;
use crate::config::ConfigError;

/// Makes containerised jobs on Apache Mesos finish by their deadline, with as little CPU as possible
#[derive(Debug, Parser)]
#[command(name = "mesos-qos", version, propagate_version = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Launch(launch::LaunchArgs),
    Supervisor(supervisor_args::SupervisorArgs),
    Local(local::LocalArgs),
    Demo(demo::DemoArgs),
    Jobs(jobs::JobsArgs),
    Show(show::ShowArgs),
    Audit(audit::AuditArgs),
    Replay(Box<replay::ReplayArgs>),
    Simulate(Box<simulate::SimulateArgs>),
    Cancel(cancel::CancelArgs),
    Log(log::LogArgs),
    Monasca(monasca::MonascaArgs),
    Completions(completions::CompletionsArgs),
    Man(man::ManArgs),
    #[command(hide = true)]
    Workload(crate::workload::WorkloadArgs),
}

/// Parses the command line, does what it says, and reports failures.
pub fn main() -> ExitCode {
    match run(Cli::parse().command) {
        Ok(code) => code,
        // Whoever read our output has seen enough, as `head` does.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            if error.is::<ConfigError>() { ExitCode::from(2) } else { ExitCode::FAILURE }
        }
    }
}

fn run(command: Command) -> anyhow::Result<ExitCode> {
    let out = io::stdout();
    let done = match command {
        // It has more to say than done or failed: what the jobs did, and which signal ended it.
        Command::Demo(args) => return demo::run(&args, out.lock()),
        // A difference is its own exit code, after everything was printed.
        Command::Replay(args) => return replay::run(&args, out.lock()),
        Command::Launch(args) => block_on(async {
            let launched = launch::execute(args, Arc::new(SystemClock), Arc::new(say)).await?;
            Ok(io::Write::write_all(&mut io::stdout(), format!("{launched}\n").as_bytes())?)
        }),
        Command::Supervisor(args) => supervisor::run(&args, out.lock()),
        Command::Local(args) => local::run(args, out.lock()),
        Command::Jobs(args) => block_on(jobs::run(args, out, &say)),
        Command::Show(args) => block_on(show::run(args, out, &say)),
        Command::Audit(args) => block_on(audit::run(args, out, &say)),
        Command::Simulate(args) => simulate::run(&args, out.lock()),
        Command::Cancel(args) => block_on(cancel::run(args, out, &say)),
        Command::Log(args) => return log::run(args, out.lock()),
        Command::Monasca(args) => monasca::run(args, out.lock(), &say),
        Command::Completions(args) => completions::run(&args, Cli::command(), out.lock()),
        Command::Man(args) => man::run(&args, Cli::command(), out.lock()),
        Command::Workload(args) => workload::run(&args, out.lock()),
    };
    done.map(|()| ExitCode::SUCCESS)
}

fn say(line: &str) {
    eprintln!("{line}");
}

fn block_on(work: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.context("cannot start")?.block_on(work)
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let kind = error.chain().find_map(|cause| cause.downcast_ref::<io::Error>()).map(io::Error::kind);
    kind == Some(io::ErrorKind::BrokenPipe)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_commands_are_well_formed() {
        Cli::command().debug_assert();
    }
}
