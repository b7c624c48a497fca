//! The event log: what happened, append-only, and the only source of state.

pub mod job;
