use serde::{Deserialize, Serialize};

use crate::qos::units::Timestamp;

/// Nobody had said by its deadline that the job is done. Recorded at the deadline, or at the supervisor's next start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadlinePassed {
    /// The deadline: of a long-running job that has not begun by then, that of its registration.
    pub deadline_at: Timestamp,
}
