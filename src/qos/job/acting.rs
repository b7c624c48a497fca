//! Who may change a job's CPU.

use super::state::JobState;
use crate::events::job::{JobEvent, Rescaled};
use crate::qos::arbitration::NodeChoice;
use crate::qos::policy::PolicySettings;
use crate::qos::units::Cpus;

/// The right to change CPUs. A policy that only recommends (`dry_run`) does not have it, and without it nothing can make a resize: this
/// file alone makes `Rescaled` from a decision, and every effect on a CPU follows from `Rescaled`.
pub struct Acting(());

impl Acting {
    /// The right, if the policy acts.
    pub fn of(policy: &PolicySettings) -> Option<Acting> {
        (!policy.dry_run).then_some(Acting(()))
    }

    /// The resize that the event with version `decision` calls for; none when nothing is to change.
    pub fn rescale(&self, from: Cpus, to: Cpus, decision: u64) -> Option<JobEvent> {
        (from != to).then(|| Rescaled { from, to, decision: Some(decision) }.into())
    }

    /// Where the job's next task is to start, as far as a plan says.
    pub fn node<'s>(&self, state: &'s JobState) -> Option<&'s NodeChoice> {
        state.grant.as_ref()?.node.as_ref()
    }
}
