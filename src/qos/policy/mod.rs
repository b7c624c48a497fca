//! Policies: from what is known of a job to its next CPU. One file a policy; all answer the same questions ([`Decide`]).

#[cfg(test)]
mod controller_tests;
mod error;
mod fixed;
mod name;
mod pid;
mod policies;
mod predictive;
mod proportional;
mod step;
mod view;

use serde::{Deserialize, Serialize};

pub use fixed::Fixed;
pub use name::{PolicyName, UnknownPolicy};
pub use pid::Pid;
pub use policies::{Policies, PolicyChoice};
pub use predictive::{Forecast, IterationForecast, Predictive, RateForecast};
pub use proportional::Proportional;
pub use step::Step;
pub use view::{LongRunning, ModelValues, Repeated, RepeatedWish, Wish, against_bounds};

use super::units::{Cpus, Span, Timestamp};

/// What every policy answers. Pure: the same question gives the same answer, to the byte.
pub trait Decide {
    /// About a repeated batch job, between two iterations.
    fn repeated(&self, job: &Repeated<'_>) -> RepeatedWish;

    /// About a long-running job, once a monitoring period.
    fn long_running(&self, job: &LongRunning<'_>) -> Wish;

    /// The most CPU that a job submitted with `submitted` ever gets.
    fn cpu_max(&self, submitted: Cpus) -> Cpus;

    /// Whether a repeated job should get a new task with `to` CPU, where the present one can go on with `kept`. The deployment is in the
    /// job's costs.
    fn worth_a_new_task(&self, job: &Repeated<'_>, kept: Cpus, to: Cpus, upper: Timestamp) -> bool {
        let finish = job.measured_finish(to);
        // More must pay off; less must not make it late.
        if to > kept { finish < job.measured_finish(kept) } else { finish <= upper }
    }

    /// When a repeated job ends with another CPU than it has or than the policy wishes for; none where the policy predicts the same for every
    /// CPU, or cannot tell.
    fn finish_with(&self, _job: &Repeated<'_>, _cpus: Cpus) -> Option<Timestamp> {
        None
    }

    /// Whether a repeated job whose CPU can be changed in place is decided about in the middle of an iteration, too.
    fn decides_within_iterations(&self) -> bool {
        false
    }

    /// Whether a repeated job is decided about at its registration, before anything was measured.
    fn decides_at_registration(&self) -> bool {
        false
    }
}

/// A policy with its parameters, as recorded with a job and with each decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicySettings {
    /// The rule and its numbers.
    pub policy: Policy,
    /// Version of the rule's behaviour; a changed behaviour is a new version, and the old one stays callable.
    pub version: u16,
    /// Pause before each iteration.
    pub sleeping_time: Span,
    /// Expected time from a start to the first instruction of the job.
    pub deployment_time: Span,
    /// The most changes of CPU that one job gets; none for no bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_rescales: Option<u32>,
    /// Decide and record, change nothing.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub dry_run: bool,
}

/// The rules to choose from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "lowercase")]
pub enum Policy {
    /// The least CPU whose predicted finish is inside the deadline.
    Predictive(Predictive),
    /// The published fixed steps.
    Step(Step),
    /// In proportion to how late the job would be.
    Proportional(Proportional),
    /// A controller with a memory.
    Pid(Pid),
    /// The submitted CPU, always.
    Fixed(Fixed),
}

/// A recorded version that this program does not know.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("policy {name:?} has no version {version} in this program; it knows version {known}")]
pub struct UnknownVersion {
    /// The policy's name.
    pub name: &'static str,
    /// The version asked for.
    pub version: u16,
    /// The newest known version.
    pub known: u16,
}

impl Policy {
    /// Which one it is.
    pub const fn which(&self) -> PolicyName {
        match self {
            Policy::Predictive(_) => PolicyName::Predictive,
            Policy::Step(_) => PolicyName::Step,
            Policy::Proportional(_) => PolicyName::Proportional,
            Policy::Pid(_) => PolicyName::Pid,
            Policy::Fixed(_) => PolicyName::Fixed,
        }
    }

    /// The policy's name in configuration, events and answers.
    pub const fn name(&self) -> &'static str {
        self.which().as_str()
    }

    /// The newest version of the policy's behaviour.
    pub const fn newest_version(&self) -> u16 {
        1
    }

    fn rule(&self) -> &dyn Decide {
        match self {
            Policy::Predictive(rule) => rule,
            Policy::Step(rule) => rule,
            Policy::Proportional(rule) => rule,
            Policy::Pid(rule) => rule,
            Policy::Fixed(rule) => rule,
        }
    }

    /// The most CPU that a job submitted with `submitted` ever gets.
    pub fn cpu_max(&self, submitted: Cpus) -> Cpus {
        self.rule().cpu_max(submitted)
    }
}

impl PolicySettings {
    /// The newest version of `policy` with these times, which acts, without bound.
    pub fn newest(policy: Policy, sleeping_time: Span, deployment_time: Span) -> Self {
        let version = policy.newest_version();
        PolicySettings { version, policy, sleeping_time, deployment_time, max_rescales: None, dry_run: false }
    }

    /// The rule, in the recorded version.
    ///
    /// # Errors
    /// When the recorded version is not known here: an error, never a silently different decision.
    pub fn rule(&self) -> Result<&dyn Decide, UnknownVersion> {
        match self.version {
            1 => Ok(self.policy.rule()),
            version => {
                let known = self.policy.newest_version();
                Err(UnknownVersion { name: self.policy.name(), version, known })
            }
        }
    }
}

impl Default for PolicySettings {
    /// The published values: steps of 0.4 between 0.1 and 2.0 CPUs, no pause, 45 s of deployment.
    fn default() -> Self {
        PolicySettings::newest(Policy::Step(Step::default()), Span::ZERO, Span::from_secs(45))
    }
}
