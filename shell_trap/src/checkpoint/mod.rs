//! Checkpoints in the shared directory: generations that are published whole or not at all.

pub mod criu;
pub mod dump;
pub mod generations;
pub mod manifest;
pub mod secure;
