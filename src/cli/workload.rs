//! `mesos-qos workload`: prints the one line of the program's result.

use std::process::ExitCode;

use crate::workload::{self, WorkloadArgs};

/// Runs the program.
#[expect(clippy::print_stdout, clippy::print_stderr, reason = "a command's own output")]
pub fn run(args: &WorkloadArgs) -> ExitCode {
    match workload::run(args) {
        Ok(line) => {
            println!("{line}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("mesos-qos: {error:#}");
            ExitCode::FAILURE
        }
    }
}
