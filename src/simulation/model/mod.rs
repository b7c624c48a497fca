//! What is assumed about the world: how long work takes, how much luck varies it, and how the cluster behaves.

pub mod amdahl;
pub mod jobs;
pub mod luck;
pub mod scenario;

pub use amdahl::Speedup;
pub use jobs::{JobModel, Kind};
pub use luck::{JobLuck, Luck};
pub use scenario::{FirstLook, Limits, Scenario, ScenarioError};
