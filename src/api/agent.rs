//! What a long-running job's agent reports: segments and their CPU time. `POST /api/v1/jobs/{uuid}/cpu-samples`.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::lenient;
use super::schema::{number_or_text, optional_number_or_text};

/// A measurement of a segment, its start or its end. CPU times are in CPU-seconds of the framework's CPUs and cumulative within the
/// segment; instants are seconds since 1970 by the agent's clock.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CpuReport {
    /// When it was measured.
    #[serde(deserialize_with = "lenient::number")]
    #[schema(schema_with = number_or_text)]
    pub at: f64,
    /// In user mode since the segment's start.
    #[serde(deserialize_with = "lenient::number")]
    #[schema(schema_with = number_or_text)]
    pub user_seconds: f64,
    /// In the kernel since the segment's start.
    #[serde(deserialize_with = "lenient::number")]
    #[schema(schema_with = number_or_text)]
    pub system_seconds: f64,
    /// Rises with every start of an agent for the job, from 1.
    #[schema(maximum = 9007199254740991i64)]
    pub segment: u64,
    /// Whether the segment begins, goes on or ends.
    #[serde(default)]
    pub kind: ReportKind,
    /// When this attempt was sent.
    #[serde(default, deserialize_with = "lenient::optional_number", skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = optional_number_or_text)]
    pub sent_at: Option<f64>,
    /// The execution; made by the agent when it starts one afresh.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub execution: Option<String>,
    /// Where it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hostname: Option<String>,
    /// With a start: CPU-seconds that the restored state already contains; absent means none.
    #[serde(default, deserialize_with = "lenient::optional_number", skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = optional_number_or_text)]
    pub base_cpu_seconds: Option<f64>,
    /// With a start: the checkpoint that was restored; absent means a fresh start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(maximum = 9007199254740991i64)]
    pub restored_generation: Option<u64>,
    /// With a start: how the agent runs the container, such as `docker` or `process`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runtime: Option<String>,
    /// The CPU limit in force.
    #[serde(default, deserialize_with = "lenient::optional_number", skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = optional_number_or_text)]
    pub limit: Option<f64>,
    /// With a start: whether the agent can write checkpoints.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoints: Option<bool>,
    /// With a start: the container's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
    /// With a start: the framework's task that the agent runs in (`MESOS_TASK_ID`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<String>,
    /// With an end: why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<EndReason>,
    /// With an end: the checkpoint that holds the segment's state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(maximum = 9007199254740991i64)]
    pub generation: Option<u64>,
    /// With an end: milliseconds that writing the checkpoint took.
    #[serde(default, deserialize_with = "lenient::optional_number", skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = optional_number_or_text)]
    pub duration_ms: Option<f64>,
}

/// What a report is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ReportKind {
    /// The segment begins.
    Start,
    /// It goes on; such a report may be lost.
    #[default]
    Sample,
    /// It has ended.
    End,
}

/// Why a segment ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum EndReason {
    /// Its state is in a checkpoint.
    Checkpointed,
    /// The program ended by itself.
    Exited,
    /// It was ended without a checkpoint.
    Killed,
    /// Its agent ended without a word.
    Lost,
}

/// The answer to a [`CpuReport`].
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AllocationReply {
    /// The CPU that the job is to have; absent while it is unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpus: Option<f64>,
    /// `in-place`: the agent applies `cpus` at once; `restart`: the framework will stop and start the job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rescale: Option<String>,
    /// The same was reported before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duplicate: Option<bool>,
    /// The state of a job that no longer takes reports.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ignored: Option<String>,
}
