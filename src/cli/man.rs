//! `mesos-qos man`: the manual, made from the help texts.

use std::fs;
use std::io::Write;
use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, Command};

/// Print the manual page, or write all pages to a directory
///
/// To read it at once: mesos-qos man | man -l -
#[derive(Debug, Args)]
pub struct ManArgs {
    /// Write mesos-qos.1 and one page a subcommand here
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// Writes the page of `command` to `out`, or all pages to the directory.
///
/// # Errors
/// When they cannot be written.
pub fn run(args: &ManArgs, command: Command, mut out: impl Write) -> anyhow::Result<()> {
    let Some(directory) = &args.dir else {
        let mut page = Vec::new();
        clap_mangen::Man::new(command).render(&mut page)?;
        return Ok(out.write_all(&page)?);
    };
    fs::create_dir_all(directory).with_context(|| format!("cannot make {}", directory.display()))?;
    clap_mangen::generate_to(command, directory).with_context(|| format!("cannot write to {}", directory.display()))
}
