use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::qos::performance::Performance;
use crate::qos::policy::{ModelValues, PolicySettings};
use crate::qos::units::{Cpus, Span, Timestamp};

/// The facts that a decision about a long-running job used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProgressInputs {
    /// Version (in this stream) of the event that asked for the decision.
    pub event: u64,
    /// When the CPU time was measured.
    pub at: Timestamp,
    /// When the execution began.
    pub started_at: Timestamp,
    /// CPU time used, over all segments.
    pub cpu_current: Span,
    /// CPU time that should have been used by then.
    pub cpu_desired: Span,
    /// The most CPU that the job could be given at that moment; none when only the policy bounds it.
    pub ceiling: Option<Cpus>,
}

/// A policy's decision about a long-running job, with all that is needed to compute it again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProgressDecided {
    /// What it used.
    pub inputs: ProgressInputs,
    /// Who decided, by which version and numbers.
    pub policy: PolicySettings,
    /// Version of the fold that computed the state.
    pub fold: u16,
    /// Current over desired CPU time, in millionths.
    pub ratio_millionths: i64,
    /// How the job is doing.
    pub performance: Performance,
    /// CPU before.
    pub from: Cpus,
    /// CPU wished for; the same when nothing changes. With a policy that only recommends (`dry_run`) nothing follows from it.
    pub to: Cpus,
    /// The CPU that the policy wished for, when it is another than what came of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wish: Option<Cpus>,
    /// One sentence for people.
    pub reason: String,
    /// What the policy has learned and used; none for a policy that learns nothing, and in events of schema 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<ModelValues>,
}

impl ProgressDecided {
    /// As of the decisions about repeated jobs, what schema 1 did not say is left unsaid.
    pub(super) fn from_schema_1(data: Value) -> Value {
        data
    }
}
