//! Nodes, tasks and a supervisor of tests.

pub mod door;
#[path = "../../support/eventually.rs"]
mod eventually;
pub mod favoured;
pub mod node;
pub mod supervisor;
pub mod task;
pub mod world;

pub use eventually::eventually;
pub use favoured::Favoured;
pub use node::{Bench, Node};
pub use supervisor::Supervisor;
