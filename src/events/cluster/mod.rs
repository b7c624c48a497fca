//! The events of the cluster's own stream: decisions over several jobs, and what was done to the log as a whole. Pure data.

use serde::{Deserialize, Serialize};

use crate::qos::arbitration::{Aim, Nodes, Standing};
use crate::qos::ids::JobId;
use crate::qos::units::Cpus;

/// A round of the arbitration that changed something. Computed from the states that the named jobs had at the named versions of their
/// streams, at the instant of this event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArbitrationRound {
    /// Rounds are counted from 1.
    pub number: u64,
    /// What was to be sacrificed.
    pub aim: Aim,
    /// What there was to share.
    pub nodes: Nodes,
    /// Every job that was not over, by its registration.
    pub inputs: Vec<RoundInput>,
    /// What was told to whom.
    pub grants: Vec<RoundGrant>,
}

/// A job as a round has seen it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoundInput {
    /// Which one.
    pub job: JobId,
    /// How far its stream went.
    pub version: u64,
    /// What it occupied, when nobody could give it another CPU.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub occupied: Option<Cpus>,
    /// The CPU that it wished for, when it contended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wish: Option<Cpus>,
    /// The best chance that it had to be on time, in millionths, when it contended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub best_chance: Option<u32>,
}

/// What a round has told a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoundGrant {
    /// Which one.
    pub job: JobId,
    /// The most CPU that it gets; none when there is enough for everyone.
    pub cap: Option<Cpus>,
    /// How it stands.
    pub standing: Standing,
}

/// The data of jobs that are over was moved into archives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Compacted {
    /// Which ones.
    pub jobs: Vec<CompactedJob>,
}

/// A job whose data is in an archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CompactedJob {
    /// Which one.
    pub job: JobId,
    /// SHA-256 of the archive, which is its file's name.
    pub archive: String,
    /// How many events it holds: all of the job.
    pub events: u64,
}

impl Compacted {
    /// The event's kind, as stored and shown.
    pub const KIND: &'static str = "Compacted";

    /// The schema version that this program writes.
    pub const SCHEMA: u16 = 1;
}

impl ArbitrationRound {
    /// The event's kind, as stored and shown.
    pub const KIND: &'static str = "ArbitrationRound";

    /// The schema version that this program writes.
    pub const SCHEMA: u16 = 1;
}
