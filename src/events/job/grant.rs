use serde::{Deserialize, Serialize};

use crate::qos::arbitration::{NodeChoice, Place, Standing};
use crate::qos::units::Cpus;

/// What the arbitration over all jobs of the cluster leaves to this one, until the next grant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrantReceived {
    /// The round of the arbitration; they are counted from 1.
    pub round: u64,
    /// The most CPU that the job gets; none when there is enough for everyone.
    pub cap: Option<Cpus>,
    /// How the job stands.
    pub standing: Standing,
    /// What is planned for a job that keeps its node: its cap is free there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
    /// Where its next task is to start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<NodeChoice>,
}
