//! The command line: one file a subcommand.

pub mod delay;
pub mod demo;
pub mod launch;
pub mod local;
pub mod log;
pub mod workload;
