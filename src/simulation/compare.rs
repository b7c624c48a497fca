//! From many runs of one scenario to the figures of each candidate.

use serde::Serialize;

use super::outcome::{JobOutcome, RunOutcome};
use super::statistics::{Estimate, quantile};
use crate::published::Case;

/// What one candidate made of one scenario.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// The experiment.
    pub case: Case,
    /// The candidate's name.
    pub policy: String,
    /// How many runs.
    pub seeds: usize,
    /// Jobs of each.
    pub jobs: usize,
    /// Jobs on time, in the mean.
    pub on_time_mean: f64,
    /// Its interval.
    pub on_time: Estimate,
    /// Share of the runs in which all jobs were on time.
    pub all_on_time: f64,
    /// Its interval.
    pub all_on_time_interval: Estimate,
    /// CPU-seconds kept for all jobs of a run, in the mean.
    pub cpu_seconds_mean: f64,
    /// Its interval.
    pub cpu_seconds: Estimate,
    /// CPU-seconds that the running containers of a run had, in the mean.
    pub cpu_seconds_used_mean: f64,
    /// Resizes of a job, in the mean.
    pub rescales_mean: f64,
    /// The same, in the median over all jobs.
    pub rescales_median: f64,
    /// Resizes one way, the other and the first again at three decisions in a row, in all runs together.
    pub zigzags: u64,
    /// Seconds after the deadline that 95 % of all jobs keep to.
    pub lateness_p95_s: f64,
    /// Seconds that a job stood still for restarts, in the mean.
    pub downtime_mean_s: f64,
    /// The seed whose jobs were latest, all together.
    pub worst_seed: u64,
    /// Each job by itself.
    pub by_job: Vec<JobSummary>,
}

/// One job over all runs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct JobSummary {
    /// Its name in its framework.
    pub name: &'static str,
    /// Share of the runs in which it was on time.
    pub on_time: f64,
    /// From where its deadline counts to its end, s, in the mean.
    pub finished_mean_s: f64,
    /// The same in 2.5 % of the runs at most.
    pub finished_low_s: f64,
    /// The same in 97.5 % of the runs at most.
    pub finished_high_s: f64,
    /// CPU-seconds kept for it, in the mean.
    pub cpu_seconds_mean: f64,
    /// Resizes, in the mean.
    pub rescales_mean: f64,
}

/// What one candidate does otherwise than another on the same seeds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Difference {
    /// The experiment.
    pub case: Case,
    /// This candidate
    pub policy: String,
    /// minus this one.
    pub against: String,
    /// Jobs on time.
    pub on_time: Estimate,
    /// CPU-seconds kept for all jobs.
    pub cpu_seconds: Estimate,
    /// Seeds with fewer jobs on time.
    pub worse_seeds: usize,
    /// The seed with the largest loss, and jobs on time that it lost.
    pub worst_seed: Option<(u64, i64)>,
}

impl Summary {
    /// Of `runs`, which are those of `first_seed` and the seeds after it.
    pub fn of(case: Case, policy: &str, first_seed: u64, runs: &[RunOutcome]) -> Self {
        let per_run = |of: &dyn Fn(&RunOutcome) -> f64| -> Vec<f64> { runs.iter().map(of).collect() };
        let per_job = |of: &dyn Fn(&JobOutcome) -> f64| -> Vec<f64> {
            runs.iter().flat_map(|run| run.jobs.iter().map(of)).collect()
        };
        let mean = |values: &[f64]| Estimate::of(values).mean;
        let on_time = Estimate::of(&per_run(&|run| run.on_time() as f64));
        let all = runs.iter().filter(|run| run.on_time() == run.jobs.len()).count();
        let all_on_time_interval = Estimate::of_share(all, runs.len());
        let cpu_seconds = Estimate::of(&per_run(&|run| run.sum(|job| job.reserved)));
        let rescales = per_job(&|job| f64::from(job.rescales));
        let lateness = per_run(&|run| run.sum(JobOutcome::lateness_s));
        let worst = (0..runs.len()).max_by(|a, b| lateness[*a].total_cmp(&lateness[*b]).then(b.cmp(a)));
        Summary {
            case,
            policy: policy.to_owned(),
            seeds: runs.len(),
            jobs: runs.first().map_or(0, |run| run.jobs.len()),
            on_time_mean: on_time.mean,
            on_time,
            all_on_time: all_on_time_interval.mean,
            all_on_time_interval,
            cpu_seconds_mean: cpu_seconds.mean,
            cpu_seconds,
            cpu_seconds_used_mean: mean(&per_run(&|run| run.sum(|job| job.used))),
            rescales_mean: mean(&rescales),
            rescales_median: quantile(&rescales, 0.5),
            zigzags: runs.iter().flat_map(|run| &run.jobs).map(|job| u64::from(job.zigzags)).sum(),
            lateness_p95_s: quantile(&per_job(&JobOutcome::lateness_s), 0.95),
            downtime_mean_s: mean(&per_job(&|job| job.downtime_s)),
            worst_seed: first_seed + worst.unwrap_or(0) as u64,
            by_job: by_job(runs),
        }
    }
}

fn by_job(runs: &[RunOutcome]) -> Vec<JobSummary> {
    let count = runs.first().map_or(0, |run| run.jobs.len());
    let summary = |at: usize| {
        let values = |of: &dyn Fn(&JobOutcome) -> f64| -> Vec<f64> {
            runs.iter().filter_map(|run| run.jobs.get(at)).map(of).collect()
        };
        let mean = |of: &dyn Fn(&JobOutcome) -> f64| Estimate::of(&values(of)).mean;
        let finished = values(&|job| job.finished_s);
        JobSummary {
            name: runs[0].jobs[at].name,
            on_time: mean(&|job| f64::from(u8::from(job.on_time))),
            finished_mean_s: Estimate::of(&finished).mean,
            finished_low_s: quantile(&finished, 0.025),
            finished_high_s: quantile(&finished, 0.975),
            cpu_seconds_mean: mean(&|job| job.reserved),
            rescales_mean: mean(&|job| f64::from(job.rescales)),
        }
    };
    (0..count).map(summary).collect()
}

impl Difference {
    /// Of two candidates' runs of the same seeds, the first of which is `first_seed`.
    pub fn of(
        case: Case,
        first_seed: u64,
        (policy, runs): (&str, &[RunOutcome]),
        (against, theirs): (&str, &[RunOutcome]),
    ) -> Self {
        let pairs: Vec<(&RunOutcome, &RunOutcome)> = runs.iter().zip(theirs).collect();
        let gained: Vec<i64> =
            pairs.iter().map(|(ours, theirs)| ours.on_time() as i64 - theirs.on_time() as i64).collect();
        let cpu: Vec<f64> =
            pairs.iter().map(|(ours, theirs)| ours.sum(|job| job.reserved) - theirs.sum(|job| job.reserved)).collect();
        let worst = (first_seed..).zip(&gained).min_by_key(|(_, gained)| **gained).filter(|(_, gained)| **gained < 0);
        Difference {
            case,
            policy: policy.to_owned(),
            against: against.to_owned(),
            on_time: Estimate::of(&gained.iter().map(|gained| *gained as f64).collect::<Vec<f64>>()),
            cpu_seconds: Estimate::of(&cpu),
            worse_seeds: gained.iter().filter(|gained| **gained < 0).count(),
            worst_seed: worst.map(|(seed, gained)| (seed, *gained)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(finishes: &[f64]) -> RunOutcome {
        let job = |finished_s: &f64| JobOutcome {
            name: "job",
            finished_s: *finished_s,
            deadline_s: 100.0,
            on_time: *finished_s <= 100.0,
            reserved: 10.0,
            used: 8.0,
            rescales: 2,
            zigzags: 1,
            downtime_s: 0.0,
        };
        RunOutcome { jobs: finishes.iter().map(job).collect() }
    }

    #[test]
    fn a_summary_counts_jobs_runs_and_what_they_took() {
        let runs = [run(&[90.0, 90.0]), run(&[90.0, 130.0])];
        let summary = Summary::of(Case::One, "p", 5, &runs);
        assert_eq!((summary.on_time_mean, summary.all_on_time, summary.cpu_seconds_mean), (1.5, 0.5, 20.0));
        assert_eq!((summary.lateness_p95_s, summary.worst_seed, summary.zigzags), (30.0, 6, 4));
        assert_eq!((summary.by_job[1].on_time, summary.by_job[1].finished_mean_s), (0.5, 110.0));
        assert_eq!(Summary::of(Case::One, "p", 1, &[]).on_time_mean, 0.0);
    }

    #[test]
    fn a_difference_is_taken_seed_by_seed() {
        let (ours, theirs) = ([run(&[90.0, 130.0]), run(&[90.0, 90.0])], [run(&[90.0, 90.0]), run(&[130.0, 130.0])]);
        let difference = Difference::of(Case::One, 1, ("a", &ours), ("b", &theirs));
        assert_eq!((difference.on_time.mean, difference.worse_seeds), (0.5, 1));
        assert_eq!(difference.worst_seed, Some((1, -1)));
    }
}
