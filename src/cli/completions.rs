//! `mesos-qos completions`: completion for a shell.

use std::io::Write;

use clap::{Args, Command};
use clap_complete::Shell;

/// Print the completion script of a shell
///
/// For bash: mesos-qos completions bash > /etc/bash_completion.d/mesos-qos
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// The shell
    shell: Shell,
}

/// Writes the script for `command` to `out`.
///
/// # Errors
/// When `out` takes no more.
pub fn run(args: &CompletionsArgs, mut command: Command, mut out: impl Write) -> anyhow::Result<()> {
    let mut script = Vec::new();
    let name = command.get_name().to_owned();
    clap_complete::generate(args.shell, &mut command, name, &mut script);
    Ok(out.write_all(&script)?)
}
