//! What the user of the demo chose.

use super::runner::RunnerKind;
use super::scaling::{JobPlan, Speed, case_one, case_three, case_two};
use crate::config::{PolicyName, RescaleMode};
use crate::local::ChronosVersion;
pub use crate::published::Case;
use crate::qos::units::Cpus;

impl Case {
    /// Its jobs at this speed.
    pub fn jobs(self, speed: Speed) -> Vec<JobPlan> {
        match self {
            Case::One => case_one(speed),
            Case::Two => case_two(speed),
            Case::Three => vec![case_three(speed)],
        }
    }
}

impl DemoOptions {
    /// Whether the jobs of cases I and II get their CPU while their tasks run: those that are chained, with the policy whose wishes can be
    /// planned by nodes. A container of Mesos cannot be resized from inside.
    pub fn in_place(&self, runner: RunnerKind) -> bool {
        let wished = self.rescale != Some(RescaleMode::Restart);
        self.chain && wished && runner == RunnerKind::Process && self.policy == PolicyName::Predictive
    }
}

/// How the demo is run.
#[derive(Debug, Clone)]
pub struct DemoOptions {
    /// Which experiments, one after the other.
    pub cases: Vec<Case>,
    /// Published times are divided by this.
    pub speed: Speed,
    /// What runs the jobs; absent: containers where they can be checkpointed and that is of use (case III), else processes.
    pub runner: Option<RunnerKind>,
    /// How jobs get their new CPU; absent: the job of case III by a checkpoint where one can be made, chained jobs in place where that is
    /// possible.
    pub rescale: Option<RescaleMode>,
    /// How much CPU the job of case III gives back at once. With the published step of 0.4 a job that is ahead of its plan falls
    /// so far behind it until the next look that no step up saves it: here a limit is a hard one, there it was a share.
    pub step_down: Cpus,
    /// Who decides about the jobs' CPU.
    pub policy: PolicyName,
    /// The iterations of a job of cases I and II may share a task.
    pub chain: bool,
    /// Whose behaviour the cluster has.
    pub chronos_version: ChronosVersion,
    /// Of the choices of nodes, delays and (case II) orders.
    pub seed: u64,
}
