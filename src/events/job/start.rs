use serde::{Deserialize, Serialize};

use crate::qos::units::{Cpus, Span, Timestamp};

/// What a framework says that a job is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Activity {
    /// Nothing.
    Idle,
    /// Waiting for an offer.
    Queued,
    /// Running, or ended and not yet processed.
    Running,
}

/// The framework's view of a job when it was first seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeenInFramework {
    /// The CPU that the framework has.
    pub cpus: Cpus,
    /// Runs that the framework counts as good.
    pub success_count: u64,
    /// Runs that the framework counts as failed.
    pub error_count: u64,
}

/// Who asked for a start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Starter {
    /// The supervisor.
    Supervisor,
    /// The framework itself, when the job was submitted.
    Framework,
}

/// The intention to start an iteration, with the counts to judge its outcome by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StartAttempted {
    /// Which iteration, from 1.
    pub iteration: u32,
    /// Which attempt at it, from 1.
    pub attempt: u32,
    /// Who asks.
    pub starter: Starter,
    /// The framework's count of good runs before the attempt.
    pub success_count: u64,
    /// The framework's count of failed runs before the attempt.
    pub error_count: u64,
    /// The job's activity before the attempt.
    pub activity: Activity,
}

/// Two reads showed the job idle with unchanged counts: the start came to nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StartDropped {
    /// Which iteration.
    pub iteration: u32,
    /// Which attempt at it.
    pub attempt: u32,
    /// When the job was first read idle after the attempt.
    pub first_idle_at: Timestamp,
    /// When it was read idle again.
    pub last_idle_at: Timestamp,
}

/// The next report should have come by now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Overdue {
    /// Which iteration.
    pub iteration: u32,
    /// When it was started, or its start was attempted.
    pub since: Timestamp,
    /// How long it was allowed to take: the expected time and the overdue factor together.
    pub allowed: Span,
}

/// The framework was asked about an overdue iteration: it is still queued or running.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LookedUp {
    /// Which iteration.
    pub iteration: u32,
    /// What the framework says.
    pub activity: Activity,
}
