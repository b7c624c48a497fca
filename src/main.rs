//! Parses the command line and hands over; nothing else lives here.

use std::process::ExitCode;

fn main() -> ExitCode {
    mesos_qos::cli::main()
}
