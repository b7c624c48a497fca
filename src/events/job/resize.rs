use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::qos::units::Cpus;

/// Another CPU is intended; its outcome is an event of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rescaled {
    /// CPU before.
    pub from: Cpus,
    /// CPU intended.
    pub to: Cpus,
    /// Version (in this stream) of the decision that wants it; unknown in events of schema 1.
    pub decision: Option<u64>,
}

impl Rescaled {
    /// Schema 1 did not say which decision it followed from.
    pub(super) fn from_schema_1(mut data: Value) -> Value {
        if let Some(fields) = data.as_object_mut() {
            fields.insert("decision".into(), Value::Null);
        }
        data
    }
}

/// The framework has the new CPU, read back from it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RescaleApplied {
    /// CPU of the next run.
    pub cpus: Cpus,
}

/// The framework did not take the new CPU; the next run has the old one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RescaleFailed {
    /// CPU intended.
    pub cpus: Cpus,
    /// Why.
    pub reason: String,
    /// No node had room for it: the job did not run meanwhile, and is not to be stopped for as much again soon.
    pub no_room: bool,
}

impl RescaleFailed {
    /// Schema 1 waited for room for ever.
    pub(super) fn from_schema_1(mut data: Value) -> Value {
        if let Some(fields) = data.as_object_mut() {
            fields.insert("no_room".into(), false.into());
        }
        data
    }
}

/// No node has had room for the new CPU for too long: the framework is about to be asked to go back to what was before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RescaleTakenBack {
    /// CPU intended.
    pub cpus: Cpus,
    /// Why.
    pub reason: String,
}

/// A request for another CPU ended without an answer, or may have been under way when the supervisor ended: the framework may carry
/// it out much later, and a request for a job that is gone makes it anew.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RescaleUnanswered {
    /// CPU asked for.
    pub cpus: Cpus,
    /// What is known about the request.
    pub reason: String,
}

/// The framework has another CPU than the log: somebody changed it by hand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CpuObserved {
    /// What the framework has.
    pub cpus: Cpus,
}
