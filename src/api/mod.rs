//! The documents that travel between launcher, containers, supervisor and operators, as they are on the wire.

pub mod agent;
pub mod event;
pub mod instant;
mod lenient;
pub mod notice;
pub mod problem;
pub mod register;
pub mod report;
pub mod round;
mod schema;
pub mod session;
pub mod summary;
pub mod view;
pub mod weighed;
pub mod what_if;
