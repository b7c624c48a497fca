//! The simulator: its figures are those of the reference model, and the same bytes come out every time.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that cannot go on fails, and tells what it measured"
)]

mod aims;
mod command;
mod hook;
mod reference;
mod same_bytes;
mod support;
