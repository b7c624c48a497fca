//! What would have been, against what is when it really is so: the simulator runs the same luck under both policies.

use std::ops::RangeInclusive;

use mesos_qos::published::Case;
use mesos_qos::qos::policy::PolicyName;
use mesos_qos::qos::units::Cpus;
use mesos_qos::replay::{Change, JobHistory, Options, ReplayError, Sharing, counterfactual};
use mesos_qos::simulation::Scenario;
use mesos_qos::simulation::model::scenario::CHAIN_GAP;

use crate::support::{candidate, run, settings};

fn under(name: PolicyName) -> Change {
    Change::Policy(settings(name))
}

fn options(draws: u32, sharing: Sharing) -> Options {
    Options { draws, sharing }
}

#[test]
fn the_recorded_policy_run_again_gives_what_was() {
    for (case, sharing) in [(Case::One, Sharing::Alone), (Case::Two, Sharing::Alone), (Case::Three, Sharing::Alone)] {
        for name in PolicyName::ALL {
            let (_, jobs) = run(&Scenario::published(case), &candidate(name), 5);
            let comparison = counterfactual(&jobs, &Change::Nothing, &options(1, sharing)).unwrap();
            for job in &comparison.jobs {
                let (was, would) = (&job.recorded, &job.replayed);
                let off = (was.finish_s.unwrap() - would.finish_s.unwrap()).abs();
                assert!(off < 0.01, "{case:?} {name:?} {}: {was:?} {would:?}", job.name);
                assert_eq!((was.on_time, was.rescales), (would.on_time, would.rescales), "{case:?} {name:?}");
                assert!((was.cpu_seconds - would.cpu_seconds).abs() < 0.5, "{name:?} {was:?} {would:?}");
                assert_eq!(job.first_divergence, None, "{case:?} {name:?} {}", job.name);
            }
        }
    }
}

/// Case I with the iterations of a job in one task as long as no other CPU is worth a new one.
fn chained(nodes: u32) -> Scenario {
    Scenario { nodes, chain_gap_s: Some(CHAIN_GAP), tasks_stay: true, ..Scenario::published(Case::One) }
}

/// How many tasks the job had.
fn tasks(job: &JobHistory) -> usize {
    job.events().iter().filter(|event| event.event.kind() == "StartAttempted").count()
}

#[test]
fn a_chained_job_goes_on_in_its_task_where_production_would() {
    let mut followed = 0;
    for name in PolicyName::ALL {
        let (_, jobs) = run(&chained(6), &candidate(name), 5);
        for job in &jobs {
            assert!(job.registered().chain);
            followed += job.registered().iterations as usize - tasks(job);
        }
        let comparison = counterfactual(&jobs, &Change::Nothing, &options(1, Sharing::Alone)).unwrap();
        for job in &comparison.jobs {
            let (was, would) = (&job.recorded, &job.replayed);
            let off = (was.finish_s.unwrap() - would.finish_s.unwrap()).abs();
            assert!(off < 0.01, "{name:?} {}: {was:?} {would:?}", job.name);
            assert_eq!((was.on_time, was.rescales), (would.on_time, would.rescales), "{name:?} {}", job.name);
            assert!((was.cpu_seconds - would.cpu_seconds).abs() < 0.5, "{name:?} {was:?} {would:?}");
            assert_eq!(job.first_divergence, None, "{name:?} {}", job.name);
        }
    }
    assert!(followed > 100, "{followed} iterations followed in a task");
}

#[test]
fn what_is_told_of_another_policy_is_what_happens_to_chained_jobs() {
    let (inside, all, off) = coverage(&chained(6), Sharing::Alone, 1..=10, 40);
    println!(
        "case I, 6 nodes, chained: {inside} of {all} finishes in their range of 95 %, off by {:.2} % in the mean",
        off * 100.0
    );
    assert!(inside * 100 >= all * 85, "{inside} of {all}");
    assert!(off < 0.05, "{off}");
}

#[test]
fn another_cpu_throughout_is_no_reason_for_a_second_task() {
    let (_, jobs) = run(&chained(6), &candidate(PolicyName::Step), 5);
    let job = &jobs[2];
    let alone = |change| counterfactual(std::slice::from_ref(job), &change, &options(1, Sharing::Alone)).unwrap();
    let told = alone(Change::Cpus(Cpus::from_milli(1000)));
    let of = &told.jobs[0];
    // 13 iterations of about 130 s with one deployment in all, and not thirteen.
    let iterations = f64::from(job.registered().iterations);
    let work = of.law.serial_s + of.law.parallel_s;
    let between = of.replayed.finish_s.unwrap() - iterations * work;
    assert!(between < 120.0 + 0.1 * iterations * work, "{between}: {of:?}");
    assert_eq!(of.replayed.rescales, 0, "{of:?}");
}

/// How many of the jobs' real finishes lie in the stated range, of how many, and by how much the middle of them is off in the mean.
fn coverage(scenario: &Scenario, sharing: Sharing, seeds: RangeInclusive<u64>, draws: u32) -> (usize, usize, f64) {
    let (mut inside, mut all, mut off) = (0, 0, 0.0);
    for seed in seeds {
        let (_, jobs) = run(scenario, &candidate(PolicyName::Step), seed);
        let (really, _) = run(scenario, &candidate(PolicyName::Predictive), seed);
        let told = counterfactual(&jobs, &under(PolicyName::Predictive), &options(draws, sharing)).unwrap();
        for job in &told.jobs {
            let real = really.jobs.iter().find(|one| one.name == job.name).unwrap();
            all += 1;
            let finish = job.finish.unwrap();
            inside += usize::from(finish.contains(real.finished_s));
            off += (finish.median_s - real.finished_s).abs() / real.finished_s;
            if !finish.contains(real.finished_s) {
                println!(
                    "seed {seed} {}: really {:.0}, told {:?}, likeliest {:?}",
                    job.name, real.finished_s, finish, job.replayed.finish_s
                );
            }
        }
    }
    (inside, all, off / all as f64)
}

/// As many nodes as jobs, so that nobody waits: what is not known is the law alone.
#[test]
fn what_is_told_of_another_policy_is_what_happens_where_no_job_waits_for_another() {
    let scenario = Scenario { nodes: 6, ..Scenario::published(Case::One) };
    let (inside, all, off) = coverage(&scenario, Sharing::Alone, 1..=20, 40);
    println!(
        "case I, 6 nodes: {inside} of {all} finishes in their range of 95 %, off by {:.2} % in the mean",
        off * 100.0
    );
    assert!(inside * 100 >= all * 90, "{inside} of {all}");
    assert!(off < 0.02, "{off}");
}

/// The published cluster: six jobs on five nodes, where who waits for whom is a matter of luck, too.
#[test]
fn what_is_told_of_another_policy_is_what_happens_on_the_published_cluster() {
    let (inside, all, off) = coverage(&Scenario::published(Case::One), Sharing::Seen, 1..=40, 40);
    println!(
        "case I, 5 nodes: {inside} of {all} finishes in their range of 95 %, off by {:.2} % in the mean",
        off * 100.0
    );
    assert!(inside * 100 >= all * 85, "{inside} of {all}");
    assert!(off < 0.05, "{off}");
}

#[test]
fn what_is_told_of_another_policy_is_what_happens_to_a_long_running_job() {
    let (inside, all, off) = coverage(&Scenario::published(Case::Three), Sharing::Alone, 1..=40, 40);
    println!("case III: {inside} of {all} finishes in their range of 95 %, off by {:.2} % in the mean", off * 100.0);
    assert!(inside * 100 >= all * 85, "{inside} of {all}");
}

#[test]
fn the_same_question_has_the_same_answer() {
    let (_, jobs) = run(&Scenario::published(Case::One), &candidate(PolicyName::Step), 2);
    let ask = || counterfactual(&jobs, &under(PolicyName::Predictive), &options(3, Sharing::Seen)).unwrap();
    assert_eq!(ask(), ask());
}

#[test]
fn a_job_that_still_runs_is_predicted_and_says_so() {
    let (_, jobs) = run(&Scenario::published(Case::One), &candidate(PolicyName::Step), 2);
    let whole = &jobs[2];
    let half: JobHistory = whole.upto(whole.events().len() as u64 / 2);
    let told = counterfactual(&[half], &under(PolicyName::Predictive), &options(20, Sharing::Alone)).unwrap();
    let job = &told.jobs[0];
    assert!(!job.recorded.complete && job.recorded.finish_s.is_none());
    assert!(job.replayed.complete && job.predicted_work >= 5.0, "{job:?}");
    assert!(told.notes.iter().any(|note| note.contains("is not over")), "{:?}", told.notes);
}

#[test]
fn what_cannot_be_run_again_is_named() {
    let (_, jobs) = run(&Scenario::published(Case::One), &candidate(PolicyName::Step), 2);
    let begun = jobs[0].upto(3);
    let told = counterfactual(&[begun], &under(PolicyName::Predictive), &Options::default());
    assert!(matches!(told, Err(ReplayError::Nothing { .. })), "{told:?}");
    let mut newer = settings(PolicyName::Step);
    newer.version = 9;
    let told = counterfactual(&jobs, &Change::Policy(newer), &Options::default());
    assert!(matches!(told, Err(ReplayError::Version { .. })), "{told:?}");
}

#[test]
fn of_few_draws_there_is_no_range_of_95_percent_and_no_chance_and_it_says_why() {
    let (_, jobs) = run(&Scenario::published(Case::One), &candidate(PolicyName::Step), 2);
    let ask =
        |draws| counterfactual(&jobs[..1], &under(PolicyName::Predictive), &options(draws, Sharing::Alone)).unwrap();
    let few = ask(39);
    assert_eq!((few.jobs[0].finish, few.jobs[0].finish_another_run, few.jobs[0].chance_on_time), (None, None, None));
    assert!(few.notes.iter().any(|note| note.contains("need 40 draws")), "{:?}", few.notes);
    let enough = ask(40);
    assert!(enough.jobs[0].finish.is_some() && enough.jobs[0].chance_on_time.is_some());
    assert!(!enough.notes.iter().any(|note| note.contains("draws")), "{:?}", enough.notes);
}
