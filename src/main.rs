//! Parses the command line and hands over; nothing else lives here.

use std::process::ExitCode;

fn main() -> ExitCode {
    // The demo needs no second program: it gives this one the agent's name.
    if shell_trap::cli::is_this_program() { shell_trap::cli::main() } else { mesos_qos::cli::main() }
}
