//! The command line: one file a subcommand.

pub mod log;
//! (module cli)
pub mod launch;
