//! Recorded decisions computed again, and what would have been: the library and the commands.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test that cannot go on fails, and tells what it measured"
)]

mod command;
mod compacted;
mod counterfactual;
mod parallel;
mod recorded;
mod searched;
mod support;
