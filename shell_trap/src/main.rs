//! Starts what the library holds; nothing else lives here.

use std::process::ExitCode;

fn main() -> ExitCode {
    shell_trap::cli::main()
}
