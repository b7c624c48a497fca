//! `GET /api/v1/rounds/{number}`: how the cluster was shared among the jobs.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::view::Instant;
use crate::qos::ids::JobId;

/// One sharing of the cluster among its jobs, as the log tells it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RoundView {
    /// Which one; they are counted from 1.
    pub number: u64,
    /// When.
    pub at: Instant,
    /// Nodes that there were.
    pub nodes: u32,
    /// CPUs of each of them.
    pub node_cpus: f64,
    /// All jobs that were not over.
    pub jobs: Vec<SharerView>,
}

/// A job that had a part in it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SharerView {
    /// The job.
    pub uuid: JobId,
    /// Its name in its framework; null when nobody knows it any more.
    pub name: Option<String>,
    /// CPUs that it wished for; null of a job that nobody could give another CPU.
    pub wish: Option<f64>,
    /// CPUs that such a job kept.
    pub occupied: Option<f64>,
    /// The best chance that it had to be on time, from 0 to 1.
    pub best_chance: Option<f64>,
    /// What it was left in this round; null where this round has not told it anything new.
    pub told: Option<ToldView>,
}

/// What a job was left.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ToldView {
    /// The most CPUs that it gets; null when it gets all that it wishes for.
    pub cap: Option<f64>,
    /// It cannot be on time, or only at the cost of more than one other, and leaves the room to others.
    pub gives_way: bool,
}
