use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::qos::admission::Admission;
use crate::qos::declared::Declared;
use crate::qos::ids::{Framework, JobId};
use crate::qos::policy::{PolicyChoice, PolicySettings};
use crate::qos::units::{Cpus, Span, Timestamp};

/// Which launcher wrote the job, and so how its starts and reports behave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// Ours: only the supervisor starts it, and it reports starts, ends and exit codes.
    Native,
    /// The 2017 launcher: its submission starts run 1, its schedule ticks beside us, and it reports ends only.
    Adopted,
}

/// How patiently a job is supervised; recorded so that a changed configuration does not change the past.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Supervision {
    /// Failed iterations in a row after which the job has failed.
    pub max_failures: u32,
    /// A report is overdue after this many times the expected time, in thousandths.
    pub overdue_factor_milli: u32,
    /// For how long the job's container tries to report before it gives up.
    pub callback_window: Span,
    /// Between two looks at a long-running job.
    pub monitoring_period: Span,
    /// How a long-running job gets another CPU.
    pub rescale: RescaleMode,
    /// How long a task that was told to run the next iteration itself may take to report its start.
    pub chain_start: Span,
}

impl Supervision {
    /// [`Supervision::chain_start`] where nothing else is configured.
    pub const CHAIN_START: Span = Span::from_secs(60);
}

/// How a long-running job gets another CPU.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RescaleMode {
    /// The framework stops it and starts it again with the new CPU; its agent checkpoints and restores it.
    Restart,
    /// Its agent changes the limit while it runs; the framework is not told.
    InPlace,
}

impl RescaleMode {
    /// The name in configuration, events and answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            RescaleMode::Restart => "restart",
            RescaleMode::InPlace => "in-place",
        }
    }
}

/// A job introduced itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registered {
    /// The job.
    pub job: JobId,
    /// Its name in its framework.
    pub name: String,
    /// The framework that runs it.
    pub framework: Framework,
    /// Which launcher wrote it.
    pub origin: Origin,
    /// What the user declared.
    pub declared: Declared,
    /// How many iterations it has; zero for Marathon, which has none.
    pub iterations: u32,
    /// The submitted CPU; unknown for an adopted job until its framework shows it.
    pub cpus: Option<Cpus>,
    /// When the deadline begins to count: now, or the job's future start.
    pub t0: Timestamp,
    /// When all must be done.
    pub deadline_at: Timestamp,
    /// Who decides, and by which numbers.
    pub policy: PolicySettings,
    /// What of that the job has asked for itself; unknown in events of schema 1 and 2.
    pub choice: Option<PolicyChoice>,
    /// Several iterations may run in one task.
    pub chain: bool,
    /// How patiently it is supervised.
    pub supervision: Supervision,
    /// Whether the deadline can be kept.
    pub admission: Admission,
}

impl Registered {
    /// Schema 1 was written by versions that did not look at long-running jobs; these are the published values.
    pub(super) fn from_schema_1(mut data: Value) -> Value {
        if let Some(supervision) = data.get_mut("supervision").and_then(Value::as_object_mut) {
            supervision.insert("monitoring_period".into(), Span::from_secs(120).micros().into());
            supervision.insert("rescale".into(), "restart".into());
        }
        data
    }

    /// Schema 2 did not say whether the job had asked for its policy.
    pub(super) fn from_schema_2(mut data: Value) -> Value {
        if let Some(fields) = data.as_object_mut() {
            fields.insert("choice".into(), Value::Null);
        }
        data
    }

    /// Schema 3 knew no chains: each iteration was a task of its own.
    pub(super) fn from_schema_3(mut data: Value) -> Value {
        if let Some(fields) = data.as_object_mut() {
            fields.insert("chain".into(), false.into());
        }
        if let Some(supervision) = data.get_mut("supervision").and_then(Value::as_object_mut) {
            supervision.insert("chain_start".into(), Supervision::CHAIN_START.micros().into());
        }
        data
    }
}
