//! Tells a demo that goes on from one that hangs. Pure: the instants are handed in.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

use super::scaling::{JobPlan, Speed};
use super::snapshot::{Doing, JobNow, Snapshot};

/// However fast the experiment is, this long a silence is no proof of anything.
const SHORTEST_PATIENCE: Duration = Duration::from_secs(60);
/// A job may take this many times longer than its iteration should.
const PATIENCE_FACTOR: u32 = 4;

/// Counts ended iterations and ended jobs, and how long there has been no new one. Events are no sign of life: that a report is
/// overdue is one, again and again.
#[derive(Debug)]
pub struct Watchdog<'a> {
    plans: &'a [JobPlan],
    speed: Speed,
    /// Iterations done and jobs over.
    reached: (u32, usize),
    reached_at: Instant,
}

impl<'a> Watchdog<'a> {
    /// Begins at `now`, when nothing has been done yet.
    pub fn new(plans: &'a [JobPlan], speed: Speed, now: Instant) -> Self {
        Watchdog { plans, speed, reached: (0, 0), reached_at: now }
    }

    /// How the jobs are at `now`. When nothing has changed for longer than the longest iteration under way explains: how long.
    pub fn look(&mut self, jobs: &Snapshot, now: Instant) -> Option<Duration> {
        let done = jobs.jobs.iter().map(|job| job.done).sum();
        let reached = (done, jobs.jobs.iter().filter(|job| job.is_over()).count());
        if reached != self.reached {
            (self.reached, self.reached_at) = (reached, now);
            return None;
        }
        let silence = now.saturating_duration_since(self.reached_at);
        (silence > self.patience(jobs)).then_some(silence)
    }

    /// A multiple of the longest iteration that is under way.
    fn patience(&self, jobs: &Snapshot) -> Duration {
        let living = jobs.jobs.iter().filter(|job| !job.is_over());
        let longest = living.filter_map(|job| {
            let plan = self.plans.iter().find(|plan| plan.name == job.name)?;
            Some(plan.iteration(job.cpus.max(0.001), self.speed).to_std())
        });
        (longest.max().unwrap_or_default() * PATIENCE_FACTOR).max(SHORTEST_PATIENCE)
    }

    /// What everybody has been waiting for during this `silence`; `cluster` is what the framework says of the jobs.
    pub fn report(
        &self,
        jobs: &Snapshot,
        silence: Duration,
        cluster: &Result<BTreeMap<String, String>, String>,
    ) -> String {
        let all_over = jobs.jobs.len() == self.plans.len() && jobs.jobs.iter().all(JobNow::is_over);
        let what = match all_over {
            true => "all jobs are over, and the supervisor has not finished with them",
            false => "no iteration has ended",
        };
        let mut text = format!("{what} for {:.0} s, which is far too long. The jobs:", silence.as_secs_f64());
        for plan in self.plans {
            // Writing to a String does not fail.
            let _ = match jobs.jobs.iter().find(|job| job.name == plan.name) {
                Some(job) => write!(text, "\n  {}", line(job, cluster)),
                None => write!(text, "\n  {}: not registered", plan.name),
            };
        }
        if let Err(error) = cluster {
            let _ = write!(text, "\n  The cluster does not answer: {error}");
        }
        text.push_str("\nWith --keep, the log, the launch journal and what the tasks printed stay for a look.");
        text
    }
}

fn line(job: &JobNow, cluster: &Result<BTreeMap<String, String>, String>) -> String {
    let doing = match job.doing {
        Doing::Nothing if job.is_over() => "over",
        Doing::Nothing => "between two iterations",
        Doing::Starting => "a start asked for and not confirmed",
        Doing::Running => "an iteration running",
    };
    let there = match cluster {
        Ok(jobs) => jobs.get(&job.name).map_or("not there", String::as_str),
        Err(_) => "unknown",
    };
    format!(
        "{}: {}, {}/{} iterations, {} CPU, {doing}; in the cluster: {there}",
        job.name, job.state, job.done, job.iterations, job.cpus
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::view::JobState;
    use crate::demo::scaling::case_one;
    use crate::qos::ids::JobId;

    const MINUTE: Duration = Duration::from_secs(60);

    fn job(plan: &JobPlan, done: u32, cpus: f64) -> JobNow {
        let over = done == plan.iterations;
        JobNow {
            uuid: JobId::random(),
            name: plan.name.to_owned(),
            state: if over { JobState::Completed } else { JobState::Running },
            doing: if over { Doing::Nothing } else { Doing::Running },
            done,
            iterations: plan.iterations,
            cpus,
            performance: None,
            predicted_s: None,
            deadline_s: 120.0,
            finished_s: over.then_some(100.0),
            on_time: over.then_some(true),
            reason: None,
            rescales: 0,
            long: None,
        }
    }

    fn at(speed: f64) -> (Vec<JobPlan>, Speed) {
        let speed = Speed::new(speed).unwrap();
        (case_one(speed), speed)
    }

    /// All jobs with one CPU; `done` iterations of each.
    fn snapshot(plans: &[JobPlan], done: u32) -> Snapshot {
        let jobs = plans.iter().map(|plan| job(plan, done.min(plan.iterations), 1.0)).collect();
        Snapshot { elapsed: Duration::ZERO, jobs, quiet: false }
    }

    #[test]
    fn silence_is_told_after_a_minute_and_not_before() {
        let (plans, speed) = at(60.0);
        let began = Instant::now();
        let mut watchdog = Watchdog::new(&plans, speed, began);
        let still = snapshot(&plans, 0);
        assert_eq!(watchdog.look(&still, began + MINUTE), None);
        let late = MINUTE + Duration::from_millis(150);
        assert_eq!(watchdog.look(&still, began + late), Some(late));
    }

    #[test]
    fn an_ended_iteration_and_an_ended_job_begin_a_new_silence() {
        let (plans, speed) = at(60.0);
        let began = Instant::now();
        let mut watchdog = Watchdog::new(&plans, speed, began);
        let mut jobs = snapshot(&plans, 1);
        assert_eq!(watchdog.look(&jobs, began + 5 * MINUTE), None);
        assert_eq!(watchdog.look(&jobs, began + 6 * MINUTE), None);
        // Given up: no iteration ended, and yet something happened.
        jobs.jobs[0].state = JobState::Failed;
        assert_eq!(watchdog.look(&jobs, began + 7 * MINUTE), None);
        assert_eq!(watchdog.look(&jobs, began + 8 * MINUTE), None);
        assert_eq!(watchdog.look(&jobs, began + 9 * MINUTE), Some(2 * MINUTE));
    }

    #[test]
    fn events_and_resizes_alone_are_no_sign_of_life() {
        let (plans, speed) = at(60.0);
        let began = Instant::now();
        let mut watchdog = Watchdog::new(&plans, speed, began);
        let mut jobs = snapshot(&plans, 0);
        jobs.jobs[3].doing = Doing::Starting;
        jobs.jobs[3].rescales = 9;
        jobs.jobs[3].cpus = 2.0;
        assert_eq!(watchdog.look(&jobs, began + 2 * MINUTE), Some(2 * MINUTE));
    }

    #[test]
    fn a_slow_experiment_and_a_starved_job_get_the_time_that_they_need() {
        // As published: 400 s and more for one iteration of the first job.
        let (plans, speed) = at(1.0);
        let began = Instant::now();
        let mut jobs = snapshot(&plans, 0);
        let needed = plans[0].iteration(1.0, speed).to_std() * PATIENCE_FACTOR;
        assert!(needed > 20 * MINUTE, "{needed:?}");
        let look = |jobs: &Snapshot, after| Watchdog::new(&plans, speed, began).look(jobs, began + after);
        assert_eq!(look(&jobs, needed), None);
        assert_eq!(look(&jobs, needed + MINUTE), Some(needed + MINUTE));
        // A tenth of a CPU: the same iteration takes ten times as long.
        jobs.jobs[0].cpus = 0.1;
        assert_eq!(look(&jobs, 9 * needed), None);
        // Its needs count as long as it lives.
        jobs.jobs[0].state = JobState::Cancelled;
        assert_eq!(look(&jobs, 9 * needed), None, "that it is over is news");
        let mut watchdog = Watchdog::new(&plans, speed, began);
        watchdog.look(&jobs, began);
        assert!(watchdog.look(&jobs, began + needed + MINUTE).is_some(), "the others need no more than that");
    }

    #[test]
    fn no_job_at_all_is_not_waited_for_either() {
        let (plans, speed) = at(15.0);
        let began = Instant::now();
        let none = Snapshot { elapsed: Duration::ZERO, jobs: Vec::new(), quiet: true };
        let silence = Watchdog::new(&plans, speed, began).look(&none, began + 2 * MINUTE);
        assert_eq!(silence, Some(2 * MINUTE));
    }

    #[test]
    fn the_report_tells_what_each_job_waits_for_and_what_the_cluster_says_of_it() {
        let (plans, speed) = at(15.0);
        let watchdog = Watchdog::new(&plans, speed, Instant::now());
        let mut jobs = snapshot(&plans, 2);
        jobs.jobs[0].doing = Doing::Starting;
        jobs.jobs[1].doing = Doing::Nothing;
        jobs.jobs[2] = job(&plans[2], plans[2].iterations, 1.4);
        jobs.jobs.remove(5);
        let activities = [(plans[0].name, "queued"), (plans[3].name, "idle")];
        let chronos = Ok(activities.map(|(name, activity)| (name.to_owned(), activity.to_owned())).into());
        let report = watchdog.report(&jobs, Duration::from_secs(61), &chronos);
        for line in [
            "no iteration has ended for 61 s, which is far too long. The jobs:",
            "  openmpLinpack1: running, 2/4 iterations, 1 CPU, a start asked for and not confirmed; in the cluster: queued",
            "  openmpLinpack2: running, 2/4 iterations, 1 CPU, between two iterations; in the cluster: not there",
            "  openmpLinpack3: completed, 13/13 iterations, 1.4 CPU, over; in the cluster: not there",
            "  openmpLinpack4: running, 2/11 iterations, 1 CPU, an iteration running; in the cluster: idle",
            "  openmpLinpack6: not registered",
        ] {
            assert!(report.lines().any(|one| one == line), "{line:?} is not in\n{report}");
        }
        assert!(report.contains("--keep"), "{report}");
        let silent = Err("no connection".to_owned());
        let report = watchdog.report(&jobs, MINUTE, &silent);
        assert!(
            report.contains("in the cluster: unknown") && report.contains("The cluster does not answer: no connection")
        );
    }

    #[test]
    fn a_supervisor_that_does_not_let_go_of_ended_jobs_is_what_is_blamed() {
        let (plans, speed) = at(60.0);
        let began = Instant::now();
        let mut watchdog = Watchdog::new(&plans, speed, began);
        let jobs = snapshot(&plans, u32::MAX);
        assert!(!jobs.is_over(plans.len()), "something is left to do");
        assert_eq!(watchdog.look(&jobs, began), None);
        let silence = watchdog.look(&jobs, began + 2 * MINUTE).unwrap();
        let chronos = Ok(BTreeMap::new());
        let report = watchdog.report(&jobs, silence, &chronos);
        assert!(
            report.starts_with("all jobs are over, and the supervisor has not finished with them for 120 s"),
            "{report}"
        );
    }
}
