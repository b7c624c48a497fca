//! `GET /api/v1/summary`: all jobs in a few figures.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::view::Instant;

/// All jobs in a few figures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Summary {
    /// Jobs in each state, finished ones included.
    pub jobs: BTreeMap<String, u64>,
    /// Living jobs whose predicted finish is after their deadline, or whose deadline has passed.
    pub late: u64,
    /// Completed jobs that ended after their deadline.
    pub late_completed: u64,
    /// CPUs reserved for living jobs.
    pub cpus: f64,
    /// Chronos and Marathon, as far as there are credentials, and whether they answer.
    pub frameworks: BTreeMap<String, bool>,
    /// The last event in the log.
    pub seq: i64,
    /// The supervisor's time.
    pub now: Instant,
    /// The supervisor's version.
    pub version: String,
}
