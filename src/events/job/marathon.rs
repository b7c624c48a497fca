use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::qos::units::Timestamp;

/// A long-running job began an execution.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MarathonStarted {
    /// In the supervisor's clock, held before `received_at`.
    pub started_at: Timestamp,
    /// When the report came.
    pub received_at: Timestamp,
    /// Tells executions apart; unknown for the published agent and in events of schema 1.
    pub execution: Option<String>,
    /// Where it began, if the agent says so.
    pub hostname: Option<String>,
}

impl MarathonStarted {
    /// Schema 1 knew one execution, without a name.
    pub(super) fn from_schema_1(mut data: Value) -> Value {
        if let Some(fields) = data.as_object_mut() {
            fields.insert("execution".into(), Value::Null);
            fields.insert("hostname".into(), Value::Null);
        }
        data
    }
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
