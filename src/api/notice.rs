//! What a webhook is told.

use serde::{Deserialize, Serialize};

use super::view::Instant;
use crate::qos::ids::{Framework, JobId};

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum NoticeKind {
    /// The job is expected to miss its deadline, by the newest prediction.
    #[serde(rename = "job.late.predicted")]
    LatePredicted,
    /// The job has missed its deadline.
    #[serde(rename = "job.late")]
    Late,
    /// The job was registered, and its deadline cannot be kept.
    #[serde(rename = "job.infeasible")]
    Infeasible,
    /// No CPU time of the job has come for several periods: nothing is decided about it.
    #[serde(rename = "job.telemetry_lost")]
    TelemetryLost,
    /// A framework has not answered for a while.
    #[serde(rename = "framework.unreachable")]
    Unreachable,
}

impl NoticeKind {
    /// The name in the document and in the header.
    pub const fn as_str(self) -> &'static str {
        match self {
            NoticeKind::LatePredicted => "job.late.predicted",
            NoticeKind::Late => "job.late",
            NoticeKind::Infeasible => "job.infeasible",
            NoticeKind::TelemetryLost => "job.telemetry_lost",
            NoticeKind::Unreachable => "framework.unreachable",
        }
    }
}

/// The body of a webhook's request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Notice {
    /// The same when the notice is sent again.
    pub id: String,
    /// What happened.
    pub event: NoticeKind,
    /// When.
    pub at: Instant,
    /// The framework that it is about, or that runs the job.
    pub framework: Framework,
    /// The job that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<NoticedJob>,
    /// One sentence for people.
    pub reason: String,
}

/// A job that a notice is about.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NoticedJob {
    /// The job.
    pub uuid: JobId,
    /// Its name in its framework.
    pub name: String,
    /// When it must be done.
    pub deadline_at: Instant,
}
