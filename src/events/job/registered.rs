use serde::{Deserialize, Serialize};

use crate::qos::admission::Admission;
use crate::qos::declared::Declared;
use crate::qos::ids::{Framework, JobId};
use crate::qos::policy::PolicySettings;
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
    /// How patiently it is supervised.
    pub supervision: Supervision,
    /// Whether the deadline can be kept.
    pub admission: Admission,
}
