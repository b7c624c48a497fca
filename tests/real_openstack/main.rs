//! The supervisor's ways to OpenStack, against a real Keystone and a real Monasca that this program starts: see
//! `tests/support/openstack/rig.py`. The first start downloads them.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "../openstack_support/cli.rs"]
mod cli;
#[path = "../chronos_loop/faults.rs"]
#[allow(dead_code, reason = "shared with the Chronos tests, which use more of it")]
mod faults;
#[path = "../openstack_support/gate.rs"]
#[allow(dead_code, reason = "shared with the tests of the embedded one, which use more of it")]
mod gate;
#[path = "../api/helpers.rs"]
#[allow(dead_code, reason = "shared with other tests, each of which uses a part")]
mod helpers;

#[path = "../marathon_loop/world.rs"]
#[allow(dead_code, reason = "shared with the Marathon tests, which use more of it")]
mod marathon_world;

// Tests begin in the order of these names: those that share the rig are neighbours, and the long ones run side by side.
mod alarms;
mod case_three;
mod cpu_source;
mod credentials;
mod expected;
mod frozen;
mod lost;
mod publisher;
mod revoked;
mod rig;
mod stored;
mod stream;
mod world;
