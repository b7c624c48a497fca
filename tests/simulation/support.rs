//! Candidates for simulated runs.

use mesos_qos::config::Settings;
use mesos_qos::events::job::RescaleMode;
use mesos_qos::qos::policy::PolicyName;
use mesos_qos::qos::units::Cpus;
use mesos_qos::simulation::{Candidate, NoArbiter, RunOutcome, Scenario, simulate};
use mesos_qos::supervise;

/// A policy as a supervisor's default settings make it.
pub fn policy(name: PolicyName) -> Candidate {
    let mut defaults = supervise::defaults(&Settings::default());
    defaults.policies.configured = name;
    Candidate { name: name.as_str().into(), defaults, submitted: None, aim: None }
}

/// The published policy.
pub fn step() -> Candidate {
    policy(PolicyName::Step)
}

/// As [`step`], resizing while the job runs.
pub fn step_in_place() -> Candidate {
    let mut candidate = step();
    candidate.defaults.rescale = RescaleMode::InPlace;
    candidate
}

/// This much CPU from the first iteration to the last.
pub fn fixed(milli: u32) -> Candidate {
    Candidate { submitted: Some(Cpus::from_milli(milli)), ..policy(PolicyName::Fixed) }
}

/// The runs of the first `count` seeds.
pub fn runs(scenario: &Scenario, candidate: &Candidate, count: u64) -> Vec<RunOutcome> {
    (1..=count).map(|seed| simulate(scenario, candidate, &NoArbiter, seed).unwrap()).collect()
}
