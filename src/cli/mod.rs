//! The command line: one file a subcommand.

pub mod delay;
pub mod launch;
pub mod local;
pub mod log;
pub mod workload;
