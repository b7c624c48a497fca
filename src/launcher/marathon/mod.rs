//! From a Marathon app with `qos` to a registered app that runs `shell_trap` around the author's program.
//!
//! Layout: [`app_file`] checks (its fields in [`sizes`], [`program`], [`container`], [`network`], [`ports`] and [`features`]),
//! [`spec`] is what `shell_trap` is told of the program, [`agent`] what it is told of the agents, [`rewrite`] makes the app
//! that is submitted, [`submit`] hands it over, [`launch_app()`] puts them in order.

pub mod agent;
pub mod app_file;
pub mod container;
pub mod features;
mod launch;
pub mod network;
pub mod ports;
pub mod program;
pub mod rewrite;
pub mod sizes;
pub mod spec;
pub mod submit;

pub use agent::{AgentError, AgentSettings};
pub use launch::{ask_app_admission, dry_run_app, launch_app};
