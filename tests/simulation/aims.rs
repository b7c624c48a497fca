//! What sharing the cluster by the jobs' chances reaches on the published cluster, beside the published policy on the same luck.

use mesos_qos::events::job::RescaleMode;
use mesos_qos::published::Case;
use mesos_qos::qos::arbitration::Aim;
use mesos_qos::qos::policy::PolicyName;
use mesos_qos::simulation::cluster::Placement;
use mesos_qos::simulation::model::Limits;
use mesos_qos::simulation::{Candidate, RunOutcome, Scenario, simulate};

use crate::support::{policy, step};

const SEEDS: u64 = 60;

fn sharing(scenario: &Scenario) -> Candidate {
    let mut candidate = Candidate { aim: Some(Aim::MostOnTime), ..policy(PolicyName::Predictive) };
    candidate.defaults.policies.predictive.soft = scenario.limits == Limits::Soft;
    candidate
}

fn runs(scenario: &Scenario, candidate: &Candidate) -> Vec<RunOutcome> {
    let arbiter = candidate.arbiter(scenario);
    (1..=SEEDS).map(|seed| simulate(scenario, candidate, &*arbiter, seed).unwrap()).collect()
}

fn mean(runs: &[RunOutcome], of: impl Fn(&RunOutcome) -> f64) -> f64 {
    runs.iter().map(of).sum::<f64>() / runs.len() as f64
}

fn on_time(runs: &[RunOutcome]) -> f64 {
    mean(runs, |run| run.on_time() as f64)
}

/// The least means are those of 1000 seeds, less about three standard errors of so few.
#[test]
fn more_jobs_are_on_time_for_less_cpu_than_under_the_published_policy() {
    for (case, limits, gap_s, least) in [
        (Case::One, Limits::Hard, (30.0, 45.0), 3.4),
        (Case::One, Limits::Soft, (30.0, 45.0), 3.8),
        (Case::One, Limits::Hard, (20.0, 30.0), 4.4),
        (Case::One, Limits::Soft, (20.0, 30.0), 4.7),
        (Case::Two, Limits::Hard, (20.0, 30.0), 3.9),
        (Case::Two, Limits::Soft, (20.0, 30.0), 4.3),
    ] {
        let scenario = Scenario { limits, gap_s, ..Scenario::published(case) };
        let (shared, published) = (runs(&scenario, &sharing(&scenario)), runs(&scenario, &step()));
        let row = format!("{case:?} {limits:?} {gap_s:?}: {} against {}", on_time(&shared), on_time(&published));
        assert!(on_time(&shared) >= least, "{row}, wanted {least}");
        assert!(on_time(&shared) > on_time(&published) + 0.8, "{row}");
        let cpu = |runs: &[RunOutcome]| mean(runs, |run| run.sum(|job| job.reserved));
        assert!(cpu(&shared) < cpu(&published), "{row}: {} and {} CPU-seconds", cpu(&shared), cpu(&published));
    }
}

/// With more time nobody has to give way. Over 1000 seeds all six are on time in 99.6, 99.9 and 100 % of the runs; here so few standard errors less.
#[test]
fn with_longer_deadlines_all_jobs_are_on_time() {
    for (deadline, least) in [(2400.0, 0.96), (3000.0, 0.97), (4000.0, 0.98)] {
        let scenario = Scenario { deadline_s: Some(deadline), ..Scenario::published(Case::One) };
        let all = mean(&runs(&scenario, &sharing(&scenario)), |run| f64::from(u8::from(run.on_time() == 6)));
        assert!(all >= least, "{deadline} s: {all}");
    }
}

/// Chains that stay on their nodes, as a supervisor tells them to, resized in place. Over 100 seeds 4.99 and 4.93 of six, the published policy 4.2
/// and 4.0; here three standard errors less. With a plan of who shares a node all six in 98 % and 83 % of 1000 seeds.
#[test]
fn chained_jobs_are_on_time_more_often_than_under_the_published_policy() {
    for (case, least, all) in [(Case::One, 4.8, 0.93), (Case::Two, 4.7, 0.78)] {
        let scenario = Scenario {
            chain_gap_s: Some((0.5, 1.0)),
            tasks_stay: true,
            in_place: true,
            placement: Placement::BestFit,
            ..Scenario::published(case)
        };
        let alone = Candidate { aim: None, ..sharing(&scenario) };
        let (predicted, published) = (on_time(&runs(&scenario, &alone)), on_time(&runs(&scenario, &step())));
        assert!(predicted >= least && predicted > published + 0.4, "{case:?}: {predicted} against {published}");
        let mut by_node = Candidate { aim: Some(Aim::ByNode), ..alone };
        by_node.defaults.rescale = RescaleMode::InPlace;
        // As the reference has it, and as Mesos has it.
        let of_mesos = Scenario { placement: Placement::Random, reservations_stay: true, ..scenario.clone() };
        for world in [scenario, of_mesos] {
            let planned = runs(&world, &by_node);
            let whole = mean(&planned, |run| f64::from(u8::from(run.on_time() == run.jobs.len())));
            println!("{case:?}, placement {}: all on time in {whole}", world.placement.as_str());
            assert!(whole >= all, "{case:?}: all on time in {whole} of the runs");
        }
    }
}

/// A raise is never undone and made again so soon. What is left is a job that gives way, is saved, and gives way again.
#[test]
fn hardly_a_job_goes_back_and_forth_within_two_iterations() {
    for (case, most) in [(Case::One, 0.006), (Case::Two, 0.02)] {
        let scenario = Scenario::published(case);
        let runs = runs(&scenario, &sharing(&scenario));
        let zigzags = mean(&runs, |run| run.sum(|job| f64::from(job.zigzags))) / runs[0].jobs.len() as f64;
        assert!(zigzags <= most, "{case:?}: {zigzags} a job");
    }
}

#[test]
fn the_latest_job_is_less_late_when_that_is_the_aim() {
    let scenario = Scenario::published(Case::One);
    let most = runs(&scenario, &sharing(&scenario));
    let least = runs(&scenario, &Candidate { aim: Some(Aim::LeastLateness), ..sharing(&scenario) });
    let latest = |run: &RunOutcome| run.jobs.iter().map(|job| job.lateness_s()).fold(0.0, f64::max);
    let (most_latest, least_latest) = (mean(&most, latest), mean(&least, latest));
    assert!(least_latest < most_latest / 2.0, "{least_latest} s, {most_latest} s");
    assert!(on_time(&least) <= on_time(&most), "and it costs deadlines");
}
