//! What a job's own container reports: the start and the end of each iteration.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::lenient;
use super::schema::{number_or_text, optional_number_or_text, optional_whole_or_text};
use crate::qos::ids::JobId;

/// `POST /startTask`: an iteration begins.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct StartReport {
    /// The job.
    pub uuid: JobId,
    /// The job's name; for people, never used to find the job.
    pub name: String,
    /// Where the iteration runs.
    pub hostname: String,
    /// The framework's task id, or an id made once by the wrapper.
    pub run: String,
    /// Position in a chain of iterations within one task, from 0.
    #[serde(default, deserialize_with = "lenient::optional_whole", skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = optional_whole_or_text)]
    pub index: Option<u32>,
    /// Seconds since 1970 by the container's clock.
    #[serde(deserialize_with = "lenient::number")]
    #[schema(schema_with = number_or_text)]
    pub started_at: f64,
}

/// `POST /updateTask`: an iteration ended. The first five fields are those of the 2017 launcher.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct FinishReport {
    /// The job.
    pub uuid: JobId,
    /// The job's name; for people, never used to find the job.
    pub name: String,
    /// Where the iteration ran.
    pub hostname: String,
    /// Seconds since 1970 by the container's clock.
    #[serde(deserialize_with = "lenient::number")]
    #[schema(schema_with = number_or_text)]
    pub started_at: f64,
    /// Seconds since 1970 by the container's clock.
    #[serde(deserialize_with = "lenient::number")]
    #[schema(schema_with = number_or_text)]
    pub finished_at: f64,
    /// The job's own exit code; absent means 0 (the 2017 launcher does not tell).
    #[serde(default, deserialize_with = "lenient::optional_number", skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = optional_number_or_text)]
    pub exit_code: Option<f64>,
    /// The framework's task id, or an id made once by the wrapper.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// Position in a chain of iterations within one task, from 0.
    #[serde(default, deserialize_with = "lenient::optional_whole", skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = optional_whole_or_text)]
    pub index: Option<u32>,
    /// Seconds since 1970 by the container's clock at this very attempt to report.
    #[serde(default, deserialize_with = "lenient::optional_number", skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = optional_number_or_text)]
    pub sent_at: Option<f64>,
    /// The task was told to end and does so, whatever it is answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ending: Option<bool>,
}

/// The answer to a report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReportReply {
    /// The same report was already counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duplicate: Option<bool>,
    /// The state of a job that no longer takes reports.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ignored: Option<String>,
    /// Whether the task runs the next iteration itself; anything but `continue` means `exit`.
    pub next: Next,
}

/// What a task does after it has reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Next {
    /// Run the next iteration in this task.
    Continue,
    /// End the task.
    Exit,
}

/// `POST /initMarathonApp`: an execution begins. The first two fields are as published.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MarathonStartReport {
    /// The job.
    pub uuid: JobId,
    /// Seconds since 1970 by the container's clock.
    #[serde(deserialize_with = "lenient::number")]
    #[schema(schema_with = number_or_text)]
    pub started_at: f64,
    /// When this attempt was sent, by the same clock.
    #[serde(default, deserialize_with = "lenient::optional_number", skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = optional_number_or_text)]
    pub sent_at: Option<f64>,
    /// Tells executions apart; made by the agent when it starts one afresh.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub execution: Option<String>,
    /// Where it begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hostname: Option<String>,
}

/// `POST /endMarathonApp`: an execution ended. The first two fields are as published.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MarathonEndReport {
    /// The job.
    pub uuid: JobId,
    /// Seconds since 1970 by the container's clock.
    #[serde(deserialize_with = "lenient::number")]
    #[schema(schema_with = number_or_text)]
    pub finished_at: f64,
    /// When this attempt was sent, by the same clock.
    #[serde(default, deserialize_with = "lenient::optional_number", skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = optional_number_or_text)]
    pub sent_at: Option<f64>,
    /// The job's own exit code; absent means 0.
    #[serde(default, deserialize_with = "lenient::optional_number", skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = optional_number_or_text)]
    pub exit_code: Option<f64>,
}

/// `POST /api/v1/jobs/{uuid}/withdraw`: the launcher takes a registration back.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WithdrawRequest {
    /// Why, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// False when the launcher is certain that the framework has not got the job, nor will. Otherwise a Marathon app is looked for
    /// and removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub submitted: Option<bool>,
}
