//! Parses the command line and hands over; nothing else lives here.

use std::io;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use mesos_qos::cli;

/// Makes containerised jobs on Apache Mesos finish by their deadline, with as little CPU as possible
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Demo(cli::demo::DemoArgs),
    Local(cli::local::LocalArgs),
    Log(cli::log::LogArgs),
    #[command(hide = true)]
    Workload(mesos_qos::workload::WorkloadArgs),
}

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Demo(args) => return cli::demo::run(args, io::stdout().lock()),
        Command::Local(args) => cli::local::run(args, io::stdout().lock()),
        Command::Log(args) => cli::log::run(args, io::stdout().lock()),
        Command::Workload(args) => return cli::workload::run(&args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
