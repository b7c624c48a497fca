//! The Chronos of the embedded cluster.

pub mod constraint;
pub mod container;
pub mod core;
pub mod decode;
pub mod encode;
pub mod histogram;
pub(in crate::local) mod http;
pub mod jackson;
pub mod job;
pub mod schedule;
pub mod search;
pub mod task;
pub mod version;
