//! `mesos-qos workload`: prints the one line of the program's result.

use std::io::Write;

use crate::workload::{self, WorkloadArgs};

/// Runs the program.
///
/// # Errors
/// When the arguments do not go together, or the factorisation came out wrong.
pub fn run(args: &WorkloadArgs, mut out: impl Write) -> anyhow::Result<()> {
    let line = workload::run(args)?;
    Ok(writeln!(out, "{line}")?)
}
