//! Nodes, who waits for one, and who shares one.

mod node;
mod placement;
mod queue;
mod shares;

pub use node::Node;
pub use placement::Placement;
pub use queue::{Cluster, Request, name};
pub use shares::shares;
