//! (module cli)
pub mod launch;
