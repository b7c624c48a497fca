//! The supervisor's ways to OpenStack, against a real Keystone and a real Monasca that this program starts: see
//! `tests/support/openstack/rig.py`. The first start downloads them.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod rig;
mod tokens;
