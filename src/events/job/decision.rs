use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::qos::chronos::Bounds;
use crate::qos::performance::Performance;
use crate::qos::policy::{ModelValues, PolicySettings};
use crate::qos::units::{Cpus, Timestamp};

/// The facts that a decision used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DecisionInputs {
    /// Version (in this stream) of the event that asked for the decision.
    pub event: u64,
    /// The instant that the prediction starts from.
    pub at: Timestamp,
    /// Iterations left.
    pub remaining: u32,
    /// The most CPU that the job could be given in place at that moment; none when it could not be resized in place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ceiling: Option<Cpus>,
}

/// A policy's decision, with all that is needed to compute it again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decided {
    /// What it used.
    pub inputs: DecisionInputs,
    /// Who decided, by which version and numbers.
    pub policy: PolicySettings,
    /// Version of the fold that computed the state.
    pub fold: u16,
    /// Predicted finish of the last iteration, with the CPU that the job has from now on. The performance is that with the CPU before.
    pub prediction: Timestamp,
    /// What is on plan.
    pub bounds: Bounds,
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

impl Decided {
    /// Schema 1 knew no policy that learns, and none that only recommends. What it did not say is left unsaid, so that a decision of
    /// then is computed again to the byte.
    pub(super) fn from_schema_1(data: Value) -> Value {
        data
    }
}

/// From now on another policy, or the same with other numbers, decides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyChanged {
    /// The policy from now on.
    pub policy: PolicySettings,
}

impl PolicyChanged {
    /// Schema 1 knew the policy `step` alone.
    pub(super) fn from_schema_1(data: Value) -> Value {
        data
    }
}
