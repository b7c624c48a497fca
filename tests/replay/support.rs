//! Simulated runs as histories of jobs.

use mesos_qos::config::Settings;
use mesos_qos::events::job::JobEvent;
use mesos_qos::qos::ids::JobId;
use mesos_qos::qos::job::Recorded;
use mesos_qos::qos::policy::{PolicyChoice, PolicyName, PolicySettings};
use mesos_qos::replay::JobHistory;
use mesos_qos::simulation::outcome::Batch;
use mesos_qos::simulation::{Candidate, NoArbiter, RunOutcome, Scenario, simulate_recorded};
use mesos_qos::supervise;

/// A policy as a supervisor's default settings make it; every job decides for itself.
pub fn candidate(name: PolicyName) -> Candidate {
    let mut defaults = supervise::defaults(&Settings::default());
    defaults.policies.configured = name;
    Candidate { name: name.as_str().into(), defaults, submitted: None, aim: None }
}

/// The same as a job gets it.
pub fn settings(name: PolicyName) -> PolicySettings {
    candidate(name).defaults.policies.settings(PolicyChoice::default())
}

/// What became of `scenario` under `candidate`, and its jobs as a log tells them.
pub fn run(scenario: &Scenario, candidate: &Candidate, seed: u64) -> (RunOutcome, Vec<JobHistory>) {
    let (outcome, batches) = simulate_recorded(scenario, candidate, &NoArbiter, seed).unwrap();
    (outcome, histories(&batches))
}

fn histories(batches: &[Batch]) -> Vec<JobHistory> {
    let begins = |batch: &&Batch| matches!(batch.events.first(), Some(JobEvent::Registered(_)));
    let ids: Vec<JobId> = batches.iter().filter(begins).map(|batch| batch.job).collect();
    ids.into_iter().map(|job| JobHistory::new(job, recorded(batches, job)).unwrap()).collect()
}

fn recorded(batches: &[Batch], job: JobId) -> Vec<Recorded> {
    let mine = batches.iter().filter(|batch| batch.job == job);
    let stamped = mine.flat_map(|batch| batch.events.iter().map(|event| (batch.at, event.clone())));
    (1..).zip(stamped).map(|(version, (at, event))| Recorded { version, at, event }).collect()
}
