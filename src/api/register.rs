//! `POST /initTask`: a job introduces itself before it is submitted to its framework.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::lenient;
use super::schema::{number_or_text, optional_number_or_text, optional_whole_or_text};
use crate::qos::admission::Admission;
use crate::qos::ids::{Framework, JobId};

/// The body of `POST /initTask`. The first six fields are those of the 2017 launcher; the others are optional.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RegisterRequest {
    /// The job's identity, made by the launcher.
    pub uuid: JobId,
    /// The job's name in its framework.
    pub name: String,
    /// Which framework runs it.
    pub framework: Framework,
    /// Seconds: of one iteration at the submitted CPU (Chronos), or CPU-seconds in all (Marathon).
    #[serde(deserialize_with = "lenient::number")]
    #[schema(schema_with = number_or_text)]
    pub job_duration: f64,
    /// Seconds from now; for Chronos a value above 1e9 is an instant in seconds since 1970.
    #[serde(deserialize_with = "lenient::number")]
    #[schema(schema_with = number_or_text)]
    pub deadline: f64,
    /// Fraction of the deadline, 0 <= d < 1.
    #[serde(deserialize_with = "lenient::number")]
    #[schema(schema_with = number_or_text)]
    pub desv_deadline: f64,
    /// How many iterations the job has; required for Chronos.
    #[serde(default, deserialize_with = "lenient::optional_whole", skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = optional_whole_or_text)]
    pub iterations: Option<u32>,
    /// CPUs of the submitted job. Its absence marks a job of the 2017 launcher.
    #[serde(default, deserialize_with = "lenient::optional_number", skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = optional_number_or_text)]
    pub cpus: Option<f64>,
    /// The policy that decides for this job in place of the configured one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// Decide and record for this job, change nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dry_run: Option<bool>,
    /// Run the next iteration in the same task where that is cheaper.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chain: Option<bool>,
    /// Failed iterations in a row after which the job has failed.
    #[serde(default, deserialize_with = "lenient::optional_whole", skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = optional_whole_or_text)]
    pub max_failures: Option<u32>,
    /// Version of the arguments that the launcher's wrapper understands; 1 is the present one.
    #[serde(default, deserialize_with = "lenient::optional_whole", skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = optional_whole_or_text)]
    pub arguments_version: Option<u32>,
    /// Do not start before this instant (seconds since 1970); the deadline counts from it.
    #[serde(default, deserialize_with = "lenient::optional_number", skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = optional_number_or_text)]
    pub start_at: Option<f64>,
    /// Seconds for which the job's own reports are tried again when the supervisor does not answer.
    #[serde(default, deserialize_with = "lenient::optional_number", skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = optional_number_or_text)]
    pub callback_window: Option<f64>,
}

/// The answer to a registration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RegisterReply {
    /// The job's identity, as sent.
    pub uuid: JobId,
    /// Opens this job's own callbacks and nothing else; absent when authentication is off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub callback_token: Option<String>,
    /// Whether the deadline can be kept.
    pub admission: AdmissionView,
    /// The same registration was already there.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub duplicate: bool,
}

/// The answer to `POST /api/v1/admission`: what a registration with the same body would be told. Nothing is registered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AdmissionReply {
    /// Whether the deadline can be kept.
    pub admission: AdmissionView,
    /// The least deadline, in seconds, that is not called infeasible; absent when no deadline is long enough.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub least_deadline: Option<f64>,
}

/// Whether a deadline can be kept, and with how much CPU.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AdmissionView {
    /// `feasible`, `tight` or `infeasible`.
    pub verdict: String,
    /// CPUs that the deadline needs; absent when no amount of CPU is enough.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub needed_cpus: Option<f64>,
    /// The largest CPU that the job may get.
    pub available_cpus: f64,
    /// One sentence for people.
    pub reason: String,
}

impl From<&Admission> for AdmissionView {
    fn from(admission: &Admission) -> Self {
        AdmissionView {
            verdict: admission.verdict.as_str().to_owned(),
            needed_cpus: admission.needed.map(|cpus| cpus.as_f64()),
            available_cpus: admission.available.as_f64(),
            reason: admission.reason.clone(),
        }
    }
}
