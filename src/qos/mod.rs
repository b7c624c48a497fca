//! What the supervisor decides and by which rule. Pure: no clock, no network, no database.
//!
//! The way from a report to a resize: [`job::decide`] turns a command into events, [`job::JobState::apply`] folds events into
//! state, [`job::react`] names what must happen outside.

pub mod admission;
pub mod arbitration;
pub mod chronos;
pub mod declared;
pub mod ids;
pub mod job;
pub mod marathon;
pub mod model;
pub mod notice;
pub mod performance;
pub mod policy;
pub mod units;
