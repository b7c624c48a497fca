//! An event as it is shown: `GET /api/v1/jobs/{uuid}/events`, and each message of `GET /api/v1/events`.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::view::Instant;

/// Something that happened, as it stands in the log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Event {
    /// Its place in the whole log: 1, 2, 3 ... without gaps.
    pub seq: i64,
    /// The job's uuid, or `cluster` for what was decided over several jobs.
    pub job: String,
    /// Its place among the events of its job.
    pub version: u64,
    /// What happened, such as `IterationFinished` or `Decided`.
    pub kind: String,
    /// The schema of `data` for this kind.
    pub schema: u16,
    /// When.
    pub at: Instant,
    /// The facts, as stored: CPUs in thousandths, instants and spans in microseconds.
    #[schema(value_type = Object)]
    pub data: serde_json::Value,
    /// Its link of the hash chain, in hexadecimal digits.
    pub hash: String,
}
