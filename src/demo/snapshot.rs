//! What all jobs are doing at one moment, for those who watch.

use std::time::Duration;

use super::scaling::JobPlan;
use crate::actors::Supervisor;
use crate::api::view::{JobState as StateName, JobView, Performance};
use crate::events::store::{JobFilter, ReadError};
use crate::qos::ids::{Framework, JobId};
use crate::qos::job::Work;
use crate::qos::units::Timestamp;

/// More jobs than any case has.
const ALL_JOBS: usize = 100;

/// One job at one moment; times are seconds since the start.
#[derive(Debug, Clone, PartialEq)]
pub struct JobNow {
    /// Its identity.
    pub uuid: JobId,
    /// Its name.
    pub name: String,
    /// Where it is in its life.
    pub state: StateName,
    /// What is being done for it.
    pub doing: Doing,
    /// Iterations done.
    pub done: u32,
    /// Iterations in all.
    pub iterations: u32,
    /// CPUs of its next run, or of the present one.
    pub cpus: f64,
    /// How it does, by the latest decision.
    pub performance: Option<Performance>,
    /// Predicted finish, by the latest decision.
    pub predicted_s: Option<f64>,
    /// When it must be done.
    pub deadline_s: f64,
    /// When it was done.
    pub finished_s: Option<f64>,
    /// Whether it was done in time.
    pub on_time: Option<bool>,
    /// Why it failed.
    pub reason: Option<String>,
    /// How often its CPU was changed.
    pub rescales: u32,
    /// What a long-running job has instead of iterations.
    pub long: Option<LongNow>,
}

/// How far a long-running job is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LongNow {
    /// CPU-seconds used, as far as they are on record.
    pub cpu_s: f64,
    /// CPU-seconds declared.
    pub declared_s: f64,
    /// Used over due, at the last decision.
    pub ratio: Option<f64>,
}

/// What is being done for a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doing {
    /// Nothing is asked for: between two iterations, or over.
    Nothing,
    /// A start was asked for: it waits for an offer, or is being deployed.
    Starting,
    /// An iteration runs.
    Running,
}

impl JobNow {
    /// Nothing will change any more.
    pub fn is_over(&self) -> bool {
        !matches!(self.state, StateName::Registered | StateName::Running)
    }
}

/// All jobs at one moment.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// Since the start.
    pub elapsed: Duration,
    /// In the order of the case.
    pub jobs: Vec<JobNow>,
    /// The supervisor has nothing left to do for any of them.
    pub quiet: bool,
}

impl Snapshot {
    /// Looks at the jobs of `plans`. Those that are not registered yet are left out.
    ///
    /// # Errors
    /// When the event log cannot be read.
    pub async fn take(supervisor: &Supervisor, plans: &[JobPlan], start: Timestamp) -> Result<Snapshot, ReadError> {
        let views = supervisor.list(JobFilter::default(), None, ALL_JOBS).await?;
        let place = |name: &str| plans.iter().position(|plan| plan.name == name);
        let views = views.iter().filter_map(|(_, listed)| listed.view());
        let mut jobs: Vec<JobNow> = views.map(|view| job_now(supervisor, view, start)).collect();
        jobs.sort_by_key(|job| place(&job.name));
        let elapsed = supervisor.clock().now().since(start).to_std();
        Ok(Snapshot { elapsed, jobs, quiet: supervisor.states().is_empty() })
    }

    /// Every job has come to its end, and nothing is left to clean up.
    pub fn is_over(&self, expected: usize) -> bool {
        self.jobs.len() == expected && self.quiet && self.jobs.iter().all(JobNow::is_over)
    }
}

fn job_now(supervisor: &Supervisor, view: &JobView, start: Timestamp) -> JobNow {
    let since = |instant: crate::api::view::Instant| instant.0.since(start).seconds();
    let long = (view.framework == Framework::Marathon).then(|| LongNow {
        cpu_s: view.cpu_seconds.unwrap_or_default(),
        declared_s: view.qos.duration,
        ratio: view.progress_ratio,
    });
    let doing = match supervisor.state(view.uuid).map(|state| state.work.clone()) {
        _ if long.is_some() => match view.state {
            StateName::Registered => Doing::Starting,
            StateName::Running => Doing::Running,
            _ => Doing::Nothing,
        },
        None | Some(Work::None) => Doing::Nothing,
        Some(Work::Attempted(_)) => Doing::Starting,
        Some(Work::Running(_)) => Doing::Running,
    };
    // All of a long-running job is one iteration.
    let iterations = view.iterations.unwrap_or(1);
    let remaining = view.remaining.unwrap_or(u32::from(view.state != StateName::Completed));
    JobNow {
        uuid: view.uuid,
        name: view.name.clone(),
        state: view.state,
        doing,
        done: iterations.saturating_sub(remaining),
        iterations,
        // In place the limit changes and what is reserved does not.
        cpus: view.cpu_limit.or(view.cpus).unwrap_or_default(),
        performance: view.performance,
        predicted_s: view.prediction.map(since),
        deadline_s: since(view.deadline_at),
        finished_s: view.finished_at.map(since),
        on_time: view.on_time,
        reason: view.reason.clone(),
        rescales: view.rescales,
        long,
    }
}
