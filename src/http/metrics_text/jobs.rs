//! The figures of each job: the names that Monasca gets, with the unit behind.

use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use crate::api::view::JobView;

type Value = Gauge<f64, AtomicU64>;

/// So many jobs have figures of their own in a scrape; of more, those with the earliest deadlines.
pub const MOST_JOBS: usize = 1000;

/// The dimensions of the same metrics in Monasca.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Job {
    jobname: String,
    framework: &'static str,
    uuid: String,
}

/// One figure of a job.
struct Figure {
    name: &'static str,
    /// Empty where the name says it already.
    unit: &'static str,
    help: &'static str,
    /// A job that does not have it is left out.
    of: fn(&JobView) -> Option<f64>,
}

const fn figure(name: &'static str, unit: &'static str, help: &'static str, of: fn(&JobView) -> Option<f64>) -> Figure {
    Figure { name, unit, help, of }
}

const FIGURES: [Figure; 17] = [
    figure("remaining_iterations", "", "Iterations left", |job| job.remaining.map(f64::from)),
    figure("prediction_deadline", "timestamp_seconds", "Predicted finish, since 1970", |job| {
        Some(job.prediction?.0.epoch_seconds())
    }),
    figure("deadline", "timestamp_seconds", "The deadline, since 1970", |job| Some(job.deadline_at.0.epoch_seconds())),
    figure("prediction_vs_deadline", "seconds", "Predicted finish minus deadline; negative is early", margin),
    figure("upper_bound_vs_deadline", "seconds", "Above it the prediction is too late: the job is too slow", |job| {
        Some(job.upper?.0.since(job.deadline_at.0).seconds())
    }),
    figure("lower_bound_vs_deadline", "seconds", "Below it the prediction is too early: the job is too fast", |job| {
        Some(job.lower?.0.since(job.deadline_at.0).seconds())
    }),
    figure("timestamp_finished", "seconds", "End of the iteration counted last, since 1970", |job| {
        Some(job.last_finished_at?.0.epoch_seconds())
    }),
    figure("last_job_duration", "seconds", "What the iteration counted last took", |job| job.last_duration_seconds),
    figure("current_cpu", "cores", "CPUs reserved", |job| job.cpus),
    figure("marathon_ratio_progress", "", "CPU time used over CPU time due", |job| job.progress_ratio),
    figure(
        "marathon_cputime_current_vs_desired",
        "seconds",
        "CPU time due minus CPU time used; negative is early",
        |job| Some(job.cpu_seconds_due? - job.cpu_seconds?),
    ),
    figure("current_cputime_accumulated", "seconds", "CPU time used over all segments", |job| job.cpu_seconds),
    figure("desired_cputime_accumulated", "seconds", "CPU time due at the last decision", |job| job.cpu_seconds_due),
    figure("wasted_cputime_accumulated", "seconds", "CPU time whose work was lost and done again", |job| {
        job.cpu_seconds_wasted
    }),
    figure("cpu_limit", "cores", "CPU limit that the job's agent has set in place of the reserved CPU", |job| {
        job.cpu_limit
    }),
    figure("surplus_runs", "", "Runs recorded that nobody had asked for", |job| job.surplus_runs.map(f64::from)),
    figure("rescales", "", "Changes of the job's CPU", |job| Some(f64::from(job.rescales))),
];

/// Predicted finish minus deadline, seconds; `None` before the first prediction.
pub(super) fn margin(job: &JobView) -> Option<f64> {
    Some(job.prediction?.0.since(job.deadline_at.0).seconds())
}

/// Puts the figures of `jobs` into `registry`.
pub(super) fn register(registry: &mut Registry, jobs: &[JobView]) {
    let mut shown: Vec<&JobView> = jobs.iter().collect();
    // A job keeps its place for as long as it lives, unless one with an earlier deadline comes.
    shown.sort_by_key(|job| (job.deadline_at.0, job.uuid));
    shown.truncate(MOST_JOBS);
    let left_out = Gauge::<i64>::default();
    left_out.set(i64::try_from(jobs.len() - shown.len()).unwrap_or(i64::MAX));
    registry.register(
        "jobs_without_figures",
        "Jobs left out of the figures by job, because there are too many",
        left_out,
    );
    for Figure { name, unit, help, of } in FIGURES {
        let family = Family::<Job, Value>::default();
        for job in &shown {
            if let Some(value) = of(job) {
                family.get_or_create(&labels(job)).set(value);
            }
        }
        match unit {
            "" => registry.register(name, help, family),
            unit => registry.register_with_unit(name, help, Unit::Other(unit.to_owned()), family),
        }
    }
}

fn labels(job: &JobView) -> Job {
    Job { jobname: job.name.clone(), framework: job.framework.as_str(), uuid: job.uuid.to_string() }
}
