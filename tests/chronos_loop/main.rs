//! The whole loop on one machine: launcher, supervisor and a cluster that behaves as Chronos 2.4 or 3.0 does.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

#[path = "../api/helpers.rs"]
#[allow(dead_code, reason = "shared with the API tests, which use more of it")]
mod helpers;
#[path = "../support/small_disk.rs"]
mod small_disk;

mod adopted;
mod chain;
mod endings;
mod faults;
mod full_disk;
mod late_requests;
mod liveness;
mod native;
mod original_defects;
mod policies;
mod set_clock;
mod steering;
mod unreported;
mod window;
mod world;
