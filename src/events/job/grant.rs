use serde::{Deserialize, Serialize};

use crate::qos::arbitration::Standing;
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
}
