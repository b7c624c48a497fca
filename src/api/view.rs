//! A job as operators see it: `GET /api/v1/jobs` and `GET /api/v1/jobs/{uuid}`.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use super::instant::Instant;
pub use super::register::AdmissionView;
use crate::qos::ids::{Framework, JobId};
pub use crate::qos::performance::Performance;

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Page<T> {
    /// What the page holds.
    pub items: Vec<T>,
    /// Hand it back as `after` to get the next page; null on the last one.
    pub next: Option<String>,
    /// Jobs of this page that cannot be shown, and why. Left out when there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unreadable: Vec<UnreadableJob>,
}

impl<T> Page<T> {
    /// A page on which everything can be shown.
    pub fn new(items: Vec<T>, next: Option<String>) -> Self {
        Page { items, next, unreadable: Vec::new() }
    }
}

/// A job that is registered, and whose events cannot be read or understood.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct UnreadableJob {
    /// The job.
    pub uuid: JobId,
    /// The job's name in its framework.
    pub name: String,
    /// Which framework runs it.
    pub framework: Framework,
    /// Its state, as it was written last.
    pub state: String,
    /// What is wrong, and what to do.
    pub problem: String,
}

/// Where a job is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum JobState {
    /// Known here, no iteration has begun.
    Registered,
    /// At least one iteration has begun.
    Running,
    /// All iterations are done.
    Completed,
    /// Given up; the reason says why.
    Failed,
    /// Stopped by an operator.
    Cancelled,
    /// Taken back before its first start.
    Withdrawn,
}

impl JobState {
    /// Every state.
    pub const ALL: [JobState; 6] = [
        JobState::Registered,
        JobState::Running,
        JobState::Completed,
        JobState::Failed,
        JobState::Cancelled,
        JobState::Withdrawn,
    ];

    /// The name in answers and queries.
    pub const fn as_str(self) -> &'static str {
        match self {
            JobState::Registered => "registered",
            JobState::Running => "running",
            JobState::Completed => "completed",
            JobState::Failed => "failed",
            JobState::Cancelled => "cancelled",
            JobState::Withdrawn => "withdrawn",
        }
    }
}

impl fmt::Display for JobState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What the user declared.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct QosView {
    /// Seconds: of one iteration at the submitted CPU (Chronos), or CPU-seconds in all (Marathon).
    pub duration: f64,
    /// Seconds from the registration to the deadline.
    pub deadline: f64,
    /// Fraction of the deadline.
    pub desv_deadline: f64,
}

/// A report that did not come in time.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct OverdueView {
    /// How often it was found overdue; the pauses between grow.
    pub times: u32,
    /// When it is looked at again; null while its framework is being asked.
    pub next_at: Option<Instant>,
}

/// One job, now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct JobView {
    /// The job.
    pub uuid: JobId,
    /// The job's name in its framework.
    pub name: String,
    /// Which framework runs it.
    pub framework: Framework,
    /// Where it is in its life.
    pub state: JobState,
    /// How it does against its deadline; null before the first decision.
    pub performance: Option<Performance>,
    /// What the user declared.
    pub qos: QosView,
    /// When the supervisor took it in.
    pub registered_at: Instant,
    /// The instant by which it must be done.
    pub deadline_at: Instant,
    /// How many iterations it has; null for Marathon.
    pub iterations: Option<u32>,
    /// How many of them are not done yet; null for Marathon.
    pub remaining: Option<u32>,
    /// CPUs reserved now; null while nobody has told yet (a job of the 2017 launcher).
    pub cpus: Option<f64>,
    /// CPUs with which it was submitted; null as above.
    pub cpus_submitted: Option<f64>,
    /// Predicted finish; null before the first decision.
    pub prediction: Option<Instant>,
    /// A prediction after this instant means too slow; null for Marathon.
    pub upper: Option<Instant>,
    /// A prediction before this instant means too fast; null for Marathon.
    pub lower: Option<Instant>,
    /// CPU time used over CPU time due (Marathon).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress_ratio: Option<f64>,
    /// CPU limit that the agent has set, where that is not the reserved CPU (Marathon, in place).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_limit: Option<f64>,
    /// CPU-seconds used, over all segments (Marathon).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_seconds: Option<f64>,
    /// CPU-seconds due at the last decision (Marathon).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_seconds_due: Option<f64>,
    /// CPU-seconds whose work was lost with a container and done again (Marathon).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_seconds_wasted: Option<f64>,
    /// Whether the deadline could be kept, as judged at registration.
    pub admission: Option<AdmissionView>,
    /// Whether a completed job was done by its deadline.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_time: Option<bool>,
    /// When a completed job's last iteration ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Instant>,
    /// When the iteration that was counted last ended; also set while others are still to come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_finished_at: Option<Instant>,
    /// Seconds that the iteration that was counted last took.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_duration_seconds: Option<f64>,
    /// Seconds between the finish and the deadline; negative means late.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub margin_seconds: Option<f64>,
    /// Of a job that is not over: seconds between the finish that is expected and the deadline; negative means late. For Marathon it is reckoned
    /// from the CPU time that is left, at the CPU that the job has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_margin_seconds: Option<f64>,
    /// Failed iterations since the last good one.
    pub failures_in_row: u32,
    /// The report that is overdue, while one is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overdue: Option<OverdueView>,
    /// Runs that nobody had asked for, as far as they are recorded: the first 100. Left out when there were none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub surplus_runs: Option<u32>,
    /// Why it failed, was cancelled or withdrawn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What people should know about it, such as `report_lost` or `clock_skew`.
    pub flags: Vec<String>,
    /// Several of its iterations may run in one task, one after the other (Chronos).
    #[serde(default)]
    pub chain: bool,
    /// Its CPU is changed while it runs, by its agent; otherwise between two tasks.
    #[serde(default)]
    pub in_place: bool,
    /// The policy that decides for it.
    pub policy: String,
    /// The policy only recommends: nothing follows from its decisions.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub dry_run: bool,
    /// With `dry_run`: CPUs that the latest decision would give.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recommended_cpus: Option<f64>,
    /// How often its CPU was changed.
    pub rescales: u32,
    /// How many events its stream holds.
    pub version: u64,
}
