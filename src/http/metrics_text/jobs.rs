//! The figures of the jobs, under the names that Monasca gets.

use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::api::view::{JobState, JobView};

type Value = Gauge<f64, AtomicU64>;

/// The dimensions of the same metrics in Monasca.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Job {
    jobname: String,
    framework: &'static str,
    uuid: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct State {
    state: &'static str,
}

/// One figure of a job; a job that does not have it is left out.
type Figure = fn(&JobView) -> Option<f64>;

const FIGURES: [(&str, &str, Figure); 15] = [
    ("remaining_iterations", "Iterations left", |job| job.remaining.map(f64::from)),
    ("prediction_deadline", "Predicted finish, seconds since 1970", |job| Some(job.prediction?.0.epoch_seconds())),
    ("deadline", "The deadline, seconds since 1970", |job| Some(job.deadline_at.0.epoch_seconds())),
    ("prediction_vs_deadline", "Predicted finish minus deadline, seconds; negative is early", |job| {
        Some(job.prediction?.0.since(job.deadline_at.0).seconds())
    }),
    ("timestamp_finished", "End of the iteration counted last, seconds since 1970", |job| {
        Some(job.last_finished_at?.0.epoch_seconds())
    }),
    ("last_job_duration", "Seconds that the iteration counted last took", |job| job.last_duration_seconds),
    ("current_cpu", "CPUs reserved", |job| job.cpus),
    ("marathon_ratio_progress", "CPU time used over CPU time due", |job| job.progress_ratio),
    ("marathon_cputime_current_vs_desired", "CPU time due minus CPU time used, seconds; negative is early", |job| {
        Some(job.cpu_seconds_due? - job.cpu_seconds?)
    }),
    ("current_cputime_accumulated", "CPU time used over all segments, seconds", |job| job.cpu_seconds),
    ("desired_cputime_accumulated", "CPU time due at the last decision, seconds", |job| job.cpu_seconds_due),
    ("wasted_cputime_accumulated", "CPU time whose work was lost and done again, seconds", |job| {
        job.cpu_seconds_wasted
    }),
    ("cpu_limit", "CPU limit that the job's agent has set in place of the reserved CPU", |job| job.cpu_limit),
    ("surplus_runs", "Runs recorded that nobody had asked for", |job| job.surplus_runs.map(f64::from)),
    ("rescales", "Changes of the job's CPU", |job| Some(f64::from(job.rescales))),
];

/// Puts the figures of `jobs` into `registry`.
pub fn register(registry: &mut Registry, jobs: &[JobView]) {
    let states = Family::<State, Gauge>::default();
    for state in JobState::ALL {
        let count = jobs.iter().filter(|job| job.state == state).count();
        states.get_or_create(&State { state: state.as_str() }).set(i64::try_from(count).unwrap_or(i64::MAX));
    }
    registry.register("jobs", "Jobs by state", states);
    for (name, help, figure) in FIGURES {
        let family = Family::<Job, Value>::default();
        for job in jobs {
            if let Some(value) = figure(job) {
                family.get_or_create(&labels(job)).set(value);
            }
        }
        registry.register(name, help, family);
    }
}

fn labels(job: &JobView) -> Job {
    Job { jobname: job.name.clone(), framework: job.framework.as_str(), uuid: job.uuid.to_string() }
}
