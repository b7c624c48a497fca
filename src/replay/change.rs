//! What is to be different.

use std::fmt;

use crate::qos::policy::PolicySettings;
use crate::qos::units::Cpus;

/// What is to be different from what was.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// Another policy decides, or the same one with other parameters.
    Policy(PolicySettings),
    /// This CPU from the first iteration to the last, or from the start to the end.
    Cpus(Cpus),
    /// What was, up to a point, and this CPU from there on. A repeated job: after so many iterations are done. A long-running one: at its first
    /// look after so many.
    ResizeAfter {
        /// So many iterations, or looks.
        done: u32,
        /// The CPU from then on.
        cpus: Cpus,
    },
    /// Nothing: the recorded policy decides again, about the work as it was recorded. Shows how faithful a replay is.
    Nothing,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Change::Policy(settings) => write!(f, "policy {}", settings.policy.name()),
            Change::Cpus(cpus) => write!(f, "{cpus} CPU throughout"),
            Change::ResizeAfter { done, cpus } => write!(f, "{cpus} CPU after {done}"),
            Change::Nothing => f.write_str("the recorded policy"),
        }
    }
}
