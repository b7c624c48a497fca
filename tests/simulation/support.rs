//! Candidates for simulated runs.

use mesos_qos::config::Settings;
use mesos_qos::events::job::RescaleMode;
use mesos_qos::qos::policy::{Policy, PolicySettings, Step};
use mesos_qos::qos::units::Cpus;
use mesos_qos::simulation::{Candidate, NoArbiter, RunOutcome, Scenario, simulate};
use mesos_qos::supervise;

/// The published policy as a supervisor's default settings make it.
pub fn step() -> Candidate {
    let mut defaults = supervise::defaults(&Settings::default());
    let PolicySettings { sleeping_time, deployment_time, .. } = defaults.policy;
    defaults.policy = PolicySettings::newest(Policy::Step(Step::default()), sleeping_time, deployment_time);
    Candidate { name: "step".into(), defaults, submitted: None }
}

/// As [`step`], resizing while the job runs.
pub fn step_in_place() -> Candidate {
    let mut candidate = step();
    candidate.defaults.rescale = RescaleMode::InPlace;
    candidate
}

/// A step of no size: the submitted CPU stays.
pub fn fixed(milli: u32) -> Candidate {
    let mut candidate = step();
    let nothing = Cpus::from_milli(0);
    let PolicySettings { sleeping_time, deployment_time, .. } = candidate.defaults.policy;
    let step = Step { increment: nothing, decrement: nothing, ..Step::default() };
    candidate.defaults.policy = PolicySettings::newest(Policy::Step(step), sleeping_time, deployment_time);
    candidate.submitted = Some(Cpus::from_milli(milli));
    candidate
}

/// The runs of the first `count` seeds.
pub fn runs(scenario: &Scenario, candidate: &Candidate, count: u64) -> Vec<RunOutcome> {
    (1..=count).map(|seed| simulate(scenario, candidate, &NoArbiter, seed).unwrap()).collect()
}
