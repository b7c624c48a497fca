//! What a search finds is true when it is run.

use mesos_qos::published::Case;
use mesos_qos::qos::policy::PolicyName;
use mesos_qos::qos::units::Cpus;
use mesos_qos::replay::{Change, JobHistory, Options, SearchResult, counterfactual, search};
use mesos_qos::simulation::{Candidate, Scenario, simulate};

use crate::support::{candidate, run};

fn finish(job: &JobHistory, change: &Change) -> (f64, bool) {
    let options = Options { draws: 1, ..Options::default() };
    let comparison = counterfactual(std::slice::from_ref(job), change, &options).unwrap();
    let would = comparison.jobs[0].replayed;
    (would.finish_s.unwrap(), would.on_time.unwrap())
}

/// Run again, what was found meets the deadline, and the next smaller or later does not.
fn is_the_least(job: &JobHistory, found: &SearchResult) {
    let cpus = |cpus: f64| Change::Cpus(Cpus::try_from_f64(cpus).unwrap());
    match found.least_constant {
        Some(least) => {
            assert_eq!(finish(job, &cpus(least.cpus)), (least.found.finish_s, true), "{found:?}");
            assert!(least.found.finish_s <= found.deadline_s);
            assert!(!finish(job, &cpus(least.cpus - 0.01)).1, "{found:?}");
        }
        None => assert!(!finish(job, &cpus(found.most_cpus)).1, "{found:?}"),
    }
    let most = Cpus::try_from_f64(found.most_cpus).unwrap();
    let resize = |done: u32| Change::ResizeAfter { done, cpus: most };
    match found.latest_resize {
        Some(latest) => {
            assert_eq!(finish(job, &resize(latest.after)), (latest.found.finish_s, true), "{found:?}");
            assert!(!finish(job, &resize(latest.after + 1)).1, "{found:?}");
        }
        None => assert!(!finish(job, &resize(0)).1, "{found:?}"),
    }
}

#[test]
fn what_is_found_for_a_missed_deadline_is_met_when_it_is_run_and_nothing_less_is() {
    // Enough time for two CPUs, and not for what the policy gave.
    let scenario = Scenario { nodes: 6, deadline_s: Some(2000.0), ..Scenario::published(Case::One) };
    let (mut constants, mut resizes, mut none) = (0, 0, 0);
    for seed in 1..=3 {
        let (_, jobs) = run(&scenario, &candidate(PolicyName::Step), seed);
        for job in &jobs {
            let found = search(job, None).unwrap();
            if !found.missed {
                continue;
            }
            is_the_least(job, &found);
            constants += u32::from(found.least_constant.is_some());
            resizes += u32::from(found.latest_resize.is_some());
            none += u32::from(found.least_constant.is_none());
        }
    }
    println!("{constants} constant CPUs, {resizes} resizes, nothing for {none}");
    assert!(constants > 0 && resizes > 0);
}

#[test]
fn what_no_cpu_could_have_met_is_said_to_be_so() {
    let scenario = Scenario { nodes: 6, deadline_s: Some(900.0), ..Scenario::published(Case::One) };
    let (_, jobs) = run(&scenario, &candidate(PolicyName::Step), 1);
    for job in &jobs {
        let found = search(job, None).unwrap();
        assert!(found.missed && found.least_constant.is_none() && found.latest_resize.is_none(), "{found:?}");
        is_the_least(job, &found);
    }
}

#[test]
fn the_least_constant_cpu_is_nearly_that_of_the_simulated_world_itself() {
    let scenario = Scenario { nodes: 6, deadline_s: Some(2000.0), ..Scenario::published(Case::One) };
    let mut compared = 0;
    for seed in 1..=3 {
        let (_, jobs) = run(&scenario, &candidate(PolicyName::Step), seed);
        for job in &jobs {
            let Some(least) = search(job, None).unwrap().least_constant else { continue };
            let really = |milli: u32| {
                let submitted = Some(Cpus::from_milli(milli));
                let fixed = Candidate { submitted, ..candidate(PolicyName::Fixed) };
                let arbiter = mesos_qos::simulation::NoArbiter;
                let outcome = simulate(&scenario, &fixed, &arbiter, seed).unwrap();
                outcome.jobs.iter().find(|one| one.name == job.registered().name).unwrap().finished_s
            };
            let off = really((least.cpus * 1000.0).round() as u32) / least.found.finish_s - 1.0;
            assert!(off.abs() < 0.06, "seed {seed} {}: {off}", job.registered().name);
            compared += 1;
        }
    }
    assert!(compared > 3, "{compared}");
}

#[test]
fn a_long_running_jobs_search_is_true_when_it_is_run() {
    let scenario = Scenario { deadline_s: Some(430.0), ..Scenario::published(Case::Three) };
    let mut missed = 0;
    for seed in 1..=6 {
        let (_, jobs) = run(&scenario, &candidate(PolicyName::Step), seed);
        let found = search(&jobs[0], None).unwrap();
        if found.missed {
            is_the_least(&jobs[0], &found);
            missed += 1;
        }
    }
    assert!(missed > 0);
}
