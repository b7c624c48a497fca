//! The whole loop on one machine: launcher, supervisor, a cluster that behaves as Marathon 1.1, 1.4 or 1.5 does, and agents that
//! say what agents say.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

#[path = "../chronos_loop/faults.rs"]
#[allow(dead_code, reason = "shared with the Chronos tests, which use more of it")]
mod faults;
#[path = "../api/helpers.rs"]
#[allow(dead_code, reason = "shared with the API tests, which use more of it")]
mod helpers;

mod in_place;
mod locks;
mod mesos_source;
mod no_room;
mod outages;
mod recompute;
mod removals;
mod resizes;
mod restarts;
mod set_clock;
mod upgraded;
mod world;
