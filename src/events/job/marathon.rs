use serde::{Deserialize, Serialize};

use crate::qos::units::Timestamp;

/// A long-running job began an execution.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MarathonStarted {
    /// By the container's clock, held before `received_at`.
    pub started_at: Timestamp,
    /// When the report came.
    pub received_at: Timestamp,
}

/// A long-running job ended its execution.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MarathonEnded {
    /// By the container's clock, held between the start and `received_at`.
    pub finished_at: Timestamp,
    /// When the report came.
    pub received_at: Timestamp,
    /// The job's own exit code.
    pub exit_code: i32,
}
