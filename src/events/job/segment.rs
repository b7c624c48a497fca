use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::qos::units::{Cpus, Span, Timestamp};

/// An agent started a long-running job's container, fresh or from a checkpoint: a segment of its execution.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentStarted {
    /// Rises with every start of an agent for the job.
    pub segment: u64,
    /// The execution that it belongs to.
    pub execution: Option<String>,
    /// In the supervisor's clock, held before `received_at`.
    pub started_at: Timestamp,
    /// When the report came.
    pub received_at: Timestamp,
    /// Where it runs.
    pub hostname: Option<String>,
    /// CPU time that the restored state contains; zero for a fresh start.
    pub base: Span,
    /// CPU time that was known before and that the restored state does not contain: its work is done again.
    pub discarded: Span,
    /// The checkpoint that was restored; none for a fresh start.
    pub generation: Option<u64>,
    /// How the agent runs the container.
    pub runtime: Option<String>,
    /// The CPU limit that the container has.
    pub limit: Option<Cpus>,
    /// Whether the agent can write checkpoints.
    pub checkpoints: Option<bool>,
    /// The container's name.
    pub container: Option<String>,
    /// The framework's task that the agent runs in; none when it does not say, and in events of schema 1.
    pub task: Option<String>,
}

impl SegmentStarted {
    /// Agents did not name their task to schema 1.
    pub(super) fn from_schema_1(mut data: Value) -> Value {
        if let Some(fields) = data.as_object_mut() {
            fields.insert("task".into(), Value::Null);
        }
        data
    }
}

/// CPU time of a running segment, as it was when the job was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CpuSample {
    /// The segment.
    pub segment: u64,
    /// When it was measured, in the supervisor's clock.
    pub at: Timestamp,
    /// CPU time since the segment's start, user and system.
    pub cpu: Span,
    /// The CPU limit that the container has, if the agent says so.
    pub limit: Option<Cpus>,
}

/// Why a segment ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SegmentEnd {
    /// Its state is in a checkpoint.
    Checkpointed,
    /// The program ended by itself.
    Exited,
    /// It was ended without a checkpoint.
    Killed,
    /// Its agent ended without a word; found at the next start.
    Lost,
}

/// A segment ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentEnded {
    /// The segment.
    pub segment: u64,
    /// In the supervisor's clock, held before `received_at`.
    pub ended_at: Timestamp,
    /// When the report came.
    pub received_at: Timestamp,
    /// All CPU time of the segment, read at its end.
    pub cpu: Span,
    /// Why.
    pub reason: SegmentEnd,
    /// The checkpoint that holds its state.
    pub generation: Option<u64>,
    /// How long writing the checkpoint took.
    pub dump: Option<Span>,
}

/// No CPU time has come for several monitoring periods, or none that can be the job's: nothing is decided until it comes again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TelemetryLost {
    /// When the last one came.
    pub since: Timestamp,
    /// Why what came could not be used; none when nothing came, and in events of schema 1.
    pub reason: Option<String>,
}

impl TelemetryLost {
    /// Schema 1 knew silence alone.
    pub(super) fn from_schema_1(mut data: Value) -> Value {
        if let Some(fields) = data.as_object_mut() {
            fields.insert("reason".into(), Value::Null);
        }
        data
    }
}
