//! The events of the cluster's own stream: decisions over several jobs, how large the cluster is, and what was done to the log as a whole.
//! Pure data.

mod inputs;

pub use inputs::{Inputs, MissingRound};

use serde::{Deserialize, Serialize};

use crate::events::job::DecodeError;
use crate::qos::arbitration::{Aim, NodeChoice, Nodes, Place, Standing};
use crate::qos::ids::JobId;
use crate::qos::units::Cpus;

/// A round of the arbitration that changed something. Computed from the states that the named jobs had at the named versions of their
/// streams, at the instant of this event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArbitrationRound {
    /// Rounds are counted from 1.
    pub number: u64,
    /// The version of the rules that it was computed by; the first ones are not written.
    #[serde(default = "first_rules", skip_serializing_if = "are_first_rules")]
    pub rules: u16,
    /// What was to be sacrificed.
    pub aim: Aim,
    /// What there was to share.
    pub nodes: Nodes,
    /// The recorded round that `inputs` are the changes to; none when they are complete.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<u64>,
    /// Jobs that were not over, by their registration: all of them, or those that were not the same in the round `since`.
    pub inputs: Vec<RoundInput>,
    /// Those that were in the round `since` and are over.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub over: Vec<JobId>,
    /// What was told to whom.
    pub grants: Vec<RoundGrant>,
}

fn first_rules() -> u16 {
    1
}

/// By reference, as serde asks.
fn are_first_rules(rules: &u16) -> bool {
    *rules == first_rules()
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
    /// What is planned for a job that keeps its node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
    /// Where its next task is to start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<NodeChoice>,
}

/// The data of jobs that are over was moved into archives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Compacted {
    /// The number of the last round, for whoever reads the newest event only.
    pub round: u64,
    /// What there is to share, as the event before said; none when none did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nodes: Option<Nodes>,
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

    /// The schema version that this program writes. In version 1 `inputs` were always complete, as they are now without `since`.
    pub const SCHEMA: u16 = 2;
}

/// The size of the cluster, as its Mesos master says it, is another than before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterSized {
    /// What there is to share from now on.
    pub nodes: Nodes,
    /// The number of the last round, for whoever reads the newest event only.
    pub round: u64,
}

impl ClusterSized {
    /// The event's kind, as stored and shown.
    pub const KIND: &'static str = "ClusterSized";

    /// The schema version that this program writes.
    pub const SCHEMA: u16 = 1;
}

/// An event of the cluster's stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClusterEvent {
    /// A round.
    Round(ArbitrationRound),
    /// Another size.
    Sized(ClusterSized),
    /// Jobs that are over were archived.
    Compacted(Compacted),
}

impl ClusterEvent {
    /// From its kind and its stored form.
    ///
    /// # Errors
    /// When the kind is not one of this program, or the bytes are not what it promises.
    pub fn decode(kind: &str, data: &[u8]) -> Result<Self, DecodeError> {
        let malformed = |kind| move |source| DecodeError::Malformed { kind, source };
        match kind {
            ArbitrationRound::KIND => {
                serde_json::from_slice(data).map(ClusterEvent::Round).map_err(malformed(ArbitrationRound::KIND))
            }
            ClusterSized::KIND => {
                serde_json::from_slice(data).map(ClusterEvent::Sized).map_err(malformed(ClusterSized::KIND))
            }
            Compacted::KIND => {
                serde_json::from_slice(data).map(ClusterEvent::Compacted).map_err(malformed(Compacted::KIND))
            }
            other => Err(DecodeError::UnknownKind(other.to_owned())),
        }
    }

    /// The number of the last round, and what there is to share, as far as it is known.
    pub const fn head(&self) -> (u64, Option<Nodes>) {
        match self {
            ClusterEvent::Round(round) => (round.number, Some(round.nodes)),
            ClusterEvent::Sized(sized) => (sized.round, Some(sized.nodes)),
            ClusterEvent::Compacted(compacted) => (compacted.round, compacted.nodes),
        }
    }
}
