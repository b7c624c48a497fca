//! The launcher: from a job file or an app file to the submitted job, against supervisors and frameworks that go wrong in every way.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

#[path = "../local_support/mod.rs"]
mod local_support;

mod chronos;
mod credentials;
mod marathon;
mod world;
