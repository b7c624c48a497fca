//! Policies: from a job's performance to its next CPU.

mod step;

use serde::{Deserialize, Serialize};

pub use step::Step;

use super::performance::Performance;
use super::units::{Cpus, Span};

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
}

/// The rules to choose from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "lowercase")]
pub enum Policy {
    /// The published fixed steps.
    Step(Step),
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
    /// Names that a configuration or a job may ask for.
    pub const NAMES: &'static [&'static str] = &["step"];

    /// The policy's name in configuration, events and answers.
    pub const fn name(&self) -> &'static str {
        match self {
            Policy::Step(_) => "step",
        }
    }

    /// The newest version of the policy's behaviour.
    pub const fn newest_version(&self) -> u16 {
        match self {
            Policy::Step(_) => 1,
        }
    }

    /// The most CPU that this policy ever gives.
    pub const fn cpu_max(&self) -> Cpus {
        match self {
            Policy::Step(step) => step.cpu_max,
        }
    }
}

impl PolicySettings {
    /// The newest version of `policy` with these times.
    pub fn newest(policy: Policy, sleeping_time: Span, deployment_time: Span) -> Self {
        PolicySettings { version: policy.newest_version(), policy, sleeping_time, deployment_time }
    }

    /// The CPU that follows from the present one and the job's performance.
    ///
    /// # Errors
    /// When the recorded version is not known here: an error, never a silently different decision.
    pub fn next_cpus(&self, current: Cpus, performance: Performance) -> Result<Cpus, UnknownVersion> {
        match (&self.policy, self.version) {
            (Policy::Step(step), 1) => Ok(step.next_cpus(current, performance)),
            (policy, version) => Err(UnknownVersion { name: policy.name(), version, known: policy.newest_version() }),
        }
    }
}

impl Default for PolicySettings {
    /// The published values: steps of 0.4 between 0.1 and 2.0 CPUs, no pause, 45 s of deployment.
    fn default() -> Self {
        PolicySettings::newest(Policy::Step(Step::default()), Span::ZERO, Span::from_secs(45))
    }
}
