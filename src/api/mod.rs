//! The documents that travel between launcher, containers, supervisor and operators, as they are on the wire.

pub mod agent;
pub mod instant;
mod lenient;
pub mod notice;
pub mod register;
pub mod report;
pub mod view;
