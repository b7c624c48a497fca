//! The policies as an operator has configured them, and which of them a job gets.

use serde::{Deserialize, Serialize};

use super::{Fixed, Pid, Policy, PolicyName, PolicySettings, Predictive, Proportional, Step};
use crate::qos::units::Span;

/// Every policy with its configured parameters, and the one for jobs that do not ask for another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policies {
    /// For jobs that do not choose.
    pub configured: PolicyName,
    /// Parameters of `predictive`.
    pub predictive: Predictive,
    /// Parameters of `step`.
    pub step: Step,
    /// Parameters of `proportional`.
    pub proportional: Proportional,
    /// Parameters of `pid`.
    pub pid: Pid,
    /// Pause before each iteration.
    pub sleeping_time: Span,
    /// Expected time from a start to the first instruction of the job.
    pub deployment_time: Span,
    /// The most changes of CPU that one job gets.
    pub max_rescales: Option<u32>,
    /// Every job is only advised, whatever it asks for.
    pub dry_run: bool,
}

/// What a job has asked for; recorded, so that a changed configuration does not overrule it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PolicyChoice {
    /// The policy; none to follow the configuration.
    pub policy: Option<PolicyName>,
    /// Decide and record for this job, change nothing.
    pub dry_run: bool,
}

impl Policies {
    /// The policy for a job with this choice.
    pub fn settings(&self, choice: PolicyChoice) -> PolicySettings {
        let policy = match choice.policy.unwrap_or(self.configured) {
            PolicyName::Predictive => Policy::Predictive(self.predictive),
            PolicyName::Step => Policy::Step(self.step),
            PolicyName::Proportional => Policy::Proportional(self.proportional),
            PolicyName::Pid => Policy::Pid(self.pid),
            PolicyName::Fixed => Policy::Fixed(Fixed {}),
        };
        PolicySettings {
            max_rescales: self.max_rescales,
            // The operator's word is the last: a job can ask for advice only, and not for more than that.
            dry_run: self.dry_run || choice.dry_run,
            ..PolicySettings::newest(policy, self.sleeping_time, self.deployment_time)
        }
    }

    /// All defaults, with `configured` for jobs that do not choose.
    pub fn defaults(configured: PolicyName) -> Self {
        Policies {
            configured,
            predictive: Predictive::default(),
            step: Step::default(),
            proportional: Proportional::default(),
            pid: Pid::default(),
            sleeping_time: Span::ZERO,
            deployment_time: Span::from_secs(45),
            max_rescales: None,
            dry_run: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_gets_what_it_asks_for_and_otherwise_what_is_configured() {
        let policies = Policies { max_rescales: Some(3), ..Policies::defaults(PolicyName::Step) };
        let configured = policies.settings(PolicyChoice::default());
        assert_eq!((configured.policy.name(), configured.max_rescales, configured.dry_run), ("step", Some(3), false));
        for name in PolicyName::ALL {
            let chosen = policies.settings(PolicyChoice { policy: Some(name), dry_run: true });
            assert_eq!((chosen.policy.which(), chosen.dry_run), (name, true));
        }
        // Whatever a job asks for, it is only advised where the operator wants that.
        let advice = Policies { dry_run: true, ..policies };
        assert!(advice.settings(PolicyChoice { policy: Some(PolicyName::Fixed), dry_run: false }).dry_run);
    }
}
