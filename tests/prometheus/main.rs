//! The supervisor and a real Prometheus: what it scrapes, and what it answers about CPU time.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "../chronos_loop/world.rs"]
#[allow(dead_code, reason = "shared with the Chronos tests, which use more of it")]
mod chronos_world;
#[path = "../chronos_loop/faults.rs"]
#[allow(dead_code, reason = "shared with the Chronos tests, which use more of it")]
mod faults;
#[path = "../api/helpers.rs"]
#[allow(dead_code, reason = "shared with other tests, each of which uses a part")]
mod helpers;
#[path = "../marathon_loop/world.rs"]
#[allow(dead_code, reason = "shared with the Marathon tests, which use more of it")]
mod marathon_world;

mod cpu_source;
mod exporter;
mod measured_world;
mod scrape;
mod secured;
mod server;
