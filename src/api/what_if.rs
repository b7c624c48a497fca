//! `POST /api/v1/jobs/{uuid}/what-if`: what would have become of a job under something else.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::qos::ids::JobId;

/// What is to be different. With nothing named, the recorded policy decides again.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WhatIfRequest {
    /// Another policy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// Other settings of the section `elasticity`, such as `{"cpu_max_slave": "4"}`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub set: BTreeMap<String, String>,
    /// No policy at all: so many CPUs from the beginning to the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0.001, maximum = 100_000)]
    pub cpus: Option<f64>,
}

/// The same, with the job that it is about. `POST /api/v1/replay`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReplayRequest {
    /// The job.
    pub job: JobId,
    /// Another policy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// Other settings of the section `elasticity`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub set: BTreeMap<String, String>,
    /// No policy at all: so many CPUs from the beginning to the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0.001, maximum = 100_000)]
    pub cpus: Option<f64>,
}

/// What was, and what would have been.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct WhatIf {
    /// What is different.
    pub change: String,
    /// The deadline, in seconds from where it counts; so are all instants below.
    pub deadline_s: f64,
    /// The policy that decided in fact.
    pub recorded_policy: String,
    /// In fact.
    pub recorded: OutcomeView,
    /// Under the change, as it is most likely.
    pub replayed: OutcomeView,
    /// The finish under the change lies in this range with a probability of 95 %; none of a job so long that too little of it can be drawn.
    pub finish: Option<IntervalView>,
    /// The probability that another run of the job, under the change, is on time; none as above.
    pub chance_on_time: Option<f64>,
    /// Where the CPU is first another.
    pub first_divergence: Option<DivergenceView>,
    /// How the duration depends on the CPU, as the job's own history says: one sentence.
    pub model: String,
    /// The decisions under the change.
    pub decisions: Vec<ReplayedDecision>,
    /// What a reader has to know about these figures.
    pub notes: Vec<String>,
}

/// What became of a job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct OutcomeView {
    /// Whether it is over.
    pub complete: bool,
    /// Its finish.
    pub finish_s: Option<f64>,
    /// Whether that is by its deadline.
    pub on_time: Option<bool>,
    /// CPU-seconds reserved.
    pub cpu_seconds: f64,
    /// Changes of CPU that took effect.
    pub rescales: u32,
    /// The CPU at the end.
    pub last_cpus: f64,
}

/// A range.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct IntervalView {
    /// 2.5 % are below.
    pub low_s: f64,
    /// Half are below.
    pub median_s: f64,
    /// 2.5 % are above.
    pub high_s: f64,
}

/// Where the two part.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DivergenceView {
    /// How many iterations were done, or looks had come before.
    pub after: u32,
    /// When.
    pub at_s: f64,
    /// The CPU from there on in fact.
    pub recorded_cpus: f64,
    /// Why.
    pub recorded_reason: Option<String>,
    /// The CPU from there on under the change.
    pub replayed_cpus: f64,
    /// Why.
    pub replayed_reason: Option<String>,
}

/// A decision under the change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ReplayedDecision {
    /// How many iterations were done, or looks had come before.
    pub after: u32,
    /// When.
    pub at_s: f64,
    /// CPU before.
    pub from: f64,
    /// CPU after.
    pub to: f64,
    /// Why.
    pub reason: String,
}
