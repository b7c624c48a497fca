use serde::{Deserialize, Serialize};

/// What a task does after it has reported the end of an iteration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChainNext {
    /// Runs the next iteration itself.
    Continue,
    /// Ends; the next iteration is a task of its own.
    Exit,
}

/// The task of a chained job has reported a counted iteration, and this is what it was told. Recorded with the iteration and the decision,
/// in one transaction with the stored answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChainAnswered {
    /// The iteration that comes next, from 1.
    pub iteration: u32,
    /// The task that was answered.
    pub run: String,
    /// Position in the task's chain of the iteration that it has reported, from 0.
    pub index: u32,
    /// What it was told.
    pub next: ChainNext,
    /// Version (in this stream) of the decision that it follows from; none while the job's CPU is unknown.
    pub decision: Option<u64>,
    /// Why, for people.
    pub reason: String,
}
