//! `GET /api/v1/jobs/{uuid}/decisions/{version}`: what a decision has weighed.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::view::Instant;

/// What was known when a decision was made, computed again from the events before it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct WeighedView {
    /// The decision's place in the job's stream.
    pub version: u64,
    /// By when the job was to end.
    pub by: Instant,
    /// When it would have ended, and how likely by then, with the CPU before, the one that was decided on, and the one that was wished for: each
    /// CPU once, rising. Empty for a policy that reckons with no probability.
    pub with: Vec<WeighedCpus>,
}

/// What was expected with so much CPU.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct WeighedCpus {
    /// So much.
    pub cpus: f64,
    /// The expected end.
    pub finish: Instant,
    /// The probability, from 0 to 1, that it is on time.
    pub chance_on_time: f64,
}
