use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::qos::units::{Span, Timestamp};

/// What makes a report the same report.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunKey {
    /// The framework's task id (or an id made once by the wrapper) and the position in a chain.
    Run {
        /// Task id.
        run: String,
        /// Position, from 0.
        index: u32,
    },
    /// The 2017 launcher's jobs have no run id: the start by the container's clock.
    StartedAt(Timestamp),
}

/// An iteration began; the only unambiguous confirmation of a start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IterationStarted {
    /// Which iteration, from 1.
    pub iteration: u32,
    /// Which run of it.
    pub key: RunKey,
    /// Where it runs.
    pub hostname: String,
    /// By the container's clock, held before `received_at`.
    pub started_at: Timestamp,
    /// When the report came.
    pub received_at: Timestamp,
}

/// What a finished run means for the job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// One iteration more is done.
    Counted,
    /// The job's own command failed: nothing is done.
    Failed,
    /// Nobody had asked for this run: recorded, not counted.
    Surplus,
}

/// An iteration ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IterationFinished {
    /// Which iteration, from 1.
    pub iteration: u32,
    /// Which run of it.
    pub key: RunKey,
    /// Where it ran.
    pub hostname: String,
    /// Start, corrected into the supervisor's clock by the same amount as the finish.
    pub started_at: Timestamp,
    /// Finish, corrected into the supervisor's clock; what all decisions use.
    pub finished_at: Timestamp,
    /// Finish as the container's clock had it.
    pub reported_finished_at: Timestamp,
    /// When the report came.
    pub received_at: Timestamp,
    /// How long the run took, by the container's own clock.
    pub duration: Span,
    /// The job's own exit code.
    pub exit_code: i32,
    /// What it means for the job.
    pub outcome: Outcome,
    /// The container's clock could not be right, and was held within bounds.
    pub clock_skew: bool,
}

/// Why a run is taken for ended without a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LossReason {
    /// The framework counts one failed run more.
    RunFailed,
    /// The framework counts one good run more, and the report's window has passed.
    ReportLost,
    /// The framework shows the job idle, with unchanged counts: the run was killed.
    Vanished,
    /// The task was told to run the next iteration, and ended without beginning it.
    ChainBroken,
}

impl LossReason {
    /// One sentence for people.
    pub const fn describe(self) -> &'static str {
        match self {
            LossReason::RunFailed => "the framework counts a failed run, and no report came",
            LossReason::ReportLost => "the framework counts a good run, but its report never came",
            LossReason::Vanished => "the run was killed: the framework shows the job idle, and no report came",
            LossReason::ChainBroken => "the task was told to run the next iteration and ended without beginning it",
        }
    }
}

/// A run ended without a word.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IterationLost {
    /// Which iteration.
    pub iteration: u32,
    /// Which attempt at it.
    pub attempt: u32,
    /// What shows it.
    pub reason: LossReason,
    /// The framework's count of good runs now.
    pub success_count: u64,
    /// The framework's count of failed runs now.
    pub error_count: u64,
}

impl IterationLost {
    /// Schema 1 knew no chains, and so no broken ones.
    pub(super) fn from_schema_1(data: Value) -> Value {
        data
    }
}
