//! An independent simulation of the published cluster, made by others in another language with other random numbers, gave these
//! figures over 1000 seeds. Ours have to be the same up to chance: three standard errors of the difference.

use mesos_qos::published::Case;
use mesos_qos::simulation::cluster::Placement;
use mesos_qos::simulation::model::Limits;
use mesos_qos::simulation::statistics::Estimate;
use mesos_qos::simulation::{Candidate, RunOutcome, Scenario};

use crate::support::{fixed, runs, step, step_in_place};

/// Runs of the reference.
const REFERENCE_SEEDS: f64 = 1000.0;
/// The reference is told with two digits.
const ROUNDING: f64 = 0.005;

/// Compares the mean of `of` over `count` seeds with the reference.
fn agrees(
    what: &str,
    scenario: &Scenario,
    candidate: &Candidate,
    count: u64,
    of: impl Fn(&RunOutcome) -> f64,
    reference: f64,
) {
    let values: Vec<f64> = runs(scenario, candidate, count).iter().map(of).collect();
    let estimate = Estimate::of(&values);
    let error = estimate.half_width() / 1.96;
    let of_difference = error * (1.0 + count as f64 / REFERENCE_SEEDS).sqrt();
    let off = (estimate.mean - reference).abs();
    println!("{what}: {:.3}, reference {reference}, {:.1} standard errors", estimate.mean, off / of_difference);
    assert!(off <= 3.0 * of_difference + ROUNDING, "{what}: {estimate:?}, reference {reference}");
}

fn on_time(run: &RunOutcome) -> f64 {
    run.on_time() as f64
}

const COLUMNS: [(Case, Limits, (f64, f64)); 6] = [
    (Case::One, Limits::Soft, (30.0, 45.0)),
    (Case::One, Limits::Hard, (30.0, 45.0)),
    (Case::One, Limits::Soft, (20.0, 30.0)),
    (Case::One, Limits::Hard, (20.0, 30.0)),
    (Case::Two, Limits::Soft, (20.0, 30.0)),
    (Case::Two, Limits::Hard, (20.0, 30.0)),
];

fn row(name: &str, candidate: &Candidate, nodes: u32, count: u64, references: [f64; 6]) {
    for ((case, limits, gap_s), reference) in COLUMNS.into_iter().zip(references) {
        let scenario = Scenario { limits, gap_s, nodes, ..Scenario::published(case) };
        let what = format!("{name}, case {case:?}, {limits:?}, gap {gap_s:?}");
        agrees(&what, &scenario, candidate, count, on_time, reference);
    }
}

#[test]
fn the_published_policy_has_as_many_jobs_on_time_as_in_the_reference() {
    row("step", &step(), 5, 120, [2.55, 1.02, 3.62, 2.31, 3.47, 2.07]);
}

#[test]
fn a_fixed_cpu_has_as_many_jobs_on_time_as_in_the_reference() {
    row("1 CPU for all", &fixed(1000), 5, 60, [1.61, 0.11, 2.44, 1.00, 2.30, 0.97]);
    row("2 CPUs for all", &fixed(2000), 5, 60, [2.56, 2.56, 3.57, 3.57, 3.41, 3.41]);
}

#[test]
fn each_job_alone_on_two_cpus_is_the_bound_of_the_reference() {
    row("alone", &fixed(2000), 6, 60, [4.13, 4.13, 5.30, 5.30, 5.13, 5.13]);
}

#[test]
fn the_published_policy_keeps_as_much_cpu_as_in_the_reference() {
    let reserved = |run: &RunOutcome| run.sum(|job| job.reserved);
    for (limits, reference) in [(Limits::Hard, 17_100.0), (Limits::Soft, 16_200.0)] {
        let scenario = Scenario { limits, ..Scenario::published(Case::One) };
        let values: Vec<f64> = runs(&scenario, &step(), 60).iter().map(reserved).collect();
        let mean = Estimate::of(&values).mean;
        assert!((mean - reference).abs() < 0.01 * reference, "{limits:?}: {mean}, reference {reference}");
    }
}

/// The reference takes the lower bound of the later publication here, T0 + d L with d = 0.2: ours with 1 - d = 0.2.
#[test]
fn chained_and_in_place_the_later_published_policy_has_as_many_jobs_on_time_as_in_the_reference() {
    for (case, reference) in [(Case::One, 5.1), (Case::Two, 4.6)] {
        let scenario = Scenario {
            chain_gap_s: Some((0.5, 1.0)),
            in_place: true,
            placement: Placement::BestFit,
            deviation: Some(0.8),
            ..Scenario::published(case)
        };
        agrees(&format!("chained, case {case:?}"), &scenario, &step(), 120, on_time, reference);
    }
}

#[test]
fn more_work_than_one_cpu_can_do_is_done_in_time_as_often_as_in_the_reference() {
    let scenario = Scenario { work_s: Some(1000.0), deadline_s: Some(800.0), ..Scenario::published(Case::Three) };
    agrees("1000 CPU-s in 800 s, in place", &scenario, &step_in_place(), 400, on_time, 0.72);
}

#[test]
fn a_job_that_is_left_alone_needs_no_control() {
    let runs = runs(&Scenario::published(Case::Three), &fixed(1000), 50);
    assert!(runs.iter().all(|run| run.on_time() == 1 && run.jobs[0].rescales == 0));
    let reserved = Estimate::of(&runs.iter().map(|run| run.sum(|job| job.reserved)).collect::<Vec<_>>());
    assert!((reserved.mean - 400.0).abs() < 8.0, "{reserved:?}");
}

/// The band of the rules is 1 - d to 1 + d: with it restarts cost the published case III its deadline in one run of seven. (The
/// reference, which takes 0.95 for its lower edge, has 99.6 % on time at 451 CPU-seconds and 51 s of downtime.)
#[test]
fn restarts_cost_the_published_long_running_job_its_deadline_now_and_then() {
    let runs = runs(&Scenario::published(Case::Three), &step(), 400);
    let mean = |of: fn(&RunOutcome) -> f64| Estimate::of(&runs.iter().map(of).collect::<Vec<_>>()).mean;
    let on_time = mean(on_time);
    assert!((0.80..0.91).contains(&on_time), "{on_time}");
    assert!((mean(|run| run.sum(|job| job.downtime_s)) - 45.4).abs() < 2.0);
    assert!((mean(|run| run.sum(|job| job.reserved)) - 442.0).abs() < 4.0);
}
