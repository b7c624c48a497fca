//! The agent with a real Docker, a real CRIU and real control groups. Needs root; see `support/` for what it brings.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests; figures are printed for the reader"
)]

mod cluster;
mod damage;
mod dead_node;
mod ending;
mod groups;
mod hanging;
mod kill;
mod limit;
mod lost_limit;
mod mesos_source;
mod options;
mod outage;
mod paths;
mod resize;
mod support;
mod user;
