//! Decisions over several jobs, and runs that cannot end.

use std::sync::atomic::{AtomicUsize, Ordering};

use mesos_qos::published::Case;
use mesos_qos::qos::ids::JobId;
use mesos_qos::qos::job::{Command, JobState};
use mesos_qos::qos::units::{Cpus, Timestamp};
use mesos_qos::simulation::{Arbiter, NoArbiter, Scenario, SimulationError, simulate};

use crate::support::{fixed, policy, step};
use mesos_qos::qos::policy::PolicyName;

/// Tells every job to keep its CPU, and counts how often it was asked.
#[derive(Default)]
struct Freeze {
    asked: AtomicUsize,
    most_jobs: AtomicUsize,
}

impl Arbiter for Freeze {
    fn arbitrate(&self, _now: Timestamp, cluster: Cpus, jobs: &[&JobState]) -> Vec<(JobId, Command)> {
        assert_eq!(cluster, Cpus::from_milli(10_000));
        self.asked.fetch_add(1, Ordering::Relaxed);
        self.most_jobs.fetch_max(jobs.len(), Ordering::Relaxed);
        let fixed = policy(PolicyName::Fixed).defaults.policies.settings(Default::default());
        jobs.iter().map(|state| (state.registered.job, Command::SetPolicy(fixed.clone()))).collect()
    }
}

#[test]
fn an_arbiter_sees_every_job_after_each_decision_and_is_obeyed() {
    let (scenario, freeze) = (Scenario::published(Case::One), Freeze::default());
    let frozen = simulate(&scenario, &step(), &freeze, 1).unwrap();
    assert_eq!(frozen, simulate(&scenario, &fixed(1000), &NoArbiter, 1).unwrap());
    // Six registrations, an iteration's end each time, and the changes that it makes itself.
    assert!(freeze.asked.load(Ordering::Relaxed) >= 6 + 58, "{}", freeze.asked.load(Ordering::Relaxed));
    assert_eq!(freeze.most_jobs.load(Ordering::Relaxed), 6);
}

#[test]
fn a_job_that_no_node_can_take_is_named_and_not_waited_for() {
    let mut candidate = step();
    candidate.defaults.policies.step.cpu_max = Cpus::from_milli(3000);
    let error = simulate(&Scenario::published(Case::One), &candidate, &NoArbiter, 1).unwrap_err();
    assert!(matches!(error, SimulationError::Stuck { .. }), "{error}");
    assert!(error.to_string().contains("2.2 CPU") || error.to_string().contains("2.4 CPU"), "{error}");
}

#[test]
fn a_deadline_that_no_rule_takes_is_an_error_that_names_its_field() {
    let scenario = Scenario { deadline_s: Some(-1.0), ..Scenario::published(Case::One) };
    let error = simulate(&scenario, &step(), &NoArbiter, 1).unwrap_err();
    assert!(error.to_string().contains("deadline"), "{error}");
}

#[test]
fn every_policy_comes_to_the_end_of_every_case() {
    for name in PolicyName::ALL {
        for case in [Case::One, Case::Two, Case::Three] {
            let chained = Scenario { chain_gap_s: Some((0.5, 1.0)), ..Scenario::published(case) };
            for scenario in [Scenario::published(case), chained] {
                for seed in 1..4 {
                    let run = simulate(&scenario, &policy(name), &NoArbiter, seed).unwrap();
                    assert!(run.jobs.iter().all(|job| job.finished_s.is_finite()), "{} {case:?}", name.as_str());
                }
            }
        }
    }
}
