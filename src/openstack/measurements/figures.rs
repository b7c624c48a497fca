//! The values that one event brings.

use crate::events::job::{JobEvent, Outcome};
use crate::qos::ids::Framework;
use crate::qos::job::execution::Execution;
use crate::qos::job::{JobState, Recorded};
use crate::qos::marathon::{desired_cpu, progress_ratio};
use crate::qos::units::{Cpus, Timestamp};

const REMAINING: &str = "remaining_iterations";
const PREDICTION: &str = "prediction_deadline";
const DEADLINE: &str = "deadline";
const AGAINST_DEADLINE: &str = "prediction_vs_deadline";
const UPPER: &str = "upper_bound_vs_deadline";
const LOWER: &str = "lower_bound_vs_deadline";
const FINISHED: &str = "timestamp_finished";
const DURATION: &str = "last_job_duration";
const CPU: &str = "current_cpu";
const CPU_TIME: &str = "current_cputime_accumulated";
const CPU_TIME_DESIRED: &str = "desired_cputime_accumulated";
const RATIO: &str = "marathon_ratio_progress";
const BEHIND: &str = "marathon_cputime_current_vs_desired";

/// Every metric that is sent.
pub const NAMES: [&str; 13] = [
    REMAINING,
    PREDICTION,
    DEADLINE,
    AGAINST_DEADLINE,
    UPPER,
    LOWER,
    FINISHED,
    DURATION,
    CPU,
    CPU_TIME,
    CPU_TIME_DESIRED,
    RATIO,
    BEHIND,
];

/// A metric's name and its value.
pub(super) type Figure = (&'static str, f64);

/// What `recorded` brings, which led from `before` (none for a job's first event) to `after`. Each name at most once.
pub(super) fn figures(before: Option<&JobState>, recorded: &Recorded, after: &JobState) -> Vec<Figure> {
    let chronos = after.registered.framework == Framework::Chronos;
    let mut figures: Vec<Figure> = Vec::new();
    match &recorded.event {
        JobEvent::Registered(registered) => {
            figures.push((DEADLINE, registered.deadline_at.epoch_seconds()));
            if chronos {
                figures.push((REMAINING, f64::from(after.remaining())));
            }
        }
        JobEvent::IterationFinished(finished) if finished.outcome == Outcome::Counted => {
            figures.push((REMAINING, f64::from(after.remaining())));
            figures.push((FINISHED, finished.finished_at.epoch_seconds()));
            figures.push((DURATION, finished.duration.seconds()));
        }
        JobEvent::Decided(decided) => {
            figures.push((PREDICTION, decided.prediction.epoch_seconds()));
            let against = |at: Timestamp| at.since(after.registered.deadline_at).seconds();
            figures.push((AGAINST_DEADLINE, against(decided.prediction)));
            // Between them the job is on plan: without them each chart would have to know every job.
            figures.push((UPPER, against(decided.bounds.upper)));
            figures.push((LOWER, against(decided.bounds.lower)));
            figures.push((CPU, after.cpus.unwrap_or(decided.from).as_f64()));
        }
        JobEvent::ProgressDecided(decided) => figures.push((CPU, after.cpus.unwrap_or(decided.from).as_f64())),
        JobEvent::RescaleApplied(_) => figures.extend(after.cpus.map(Cpus::as_f64).map(|cpus| (CPU, cpus))),
        JobEvent::MarathonStarted(started) => {
            figures.extend(deadline_of_execution(before, after));
            figures.extend(progress(after, started.started_at));
        }
        JobEvent::SegmentStarted(_) => figures.extend(deadline_of_execution(before, after)),
        JobEvent::CpuSample(sample) => figures.extend(progress(after, sample.at)),
        JobEvent::MarathonEnded(ended) => {
            let began = after.execution.as_ref().map(|execution| execution.started_at);
            figures.extend(began.map(|began| (DURATION, ended.finished_at.since(began).seconds())));
            figures.extend(progress(after, ended.finished_at));
        }
        _ => {}
    }
    figures
}

/// The deadline of a long-running job counts from the start of its execution, which the registration cannot know.
fn deadline_of_execution(before: Option<&JobState>, after: &JobState) -> Option<Figure> {
    let of_long_running = |state: &JobState| state.is_long_running();
    let began = |state: &JobState| {
        state.execution.as_ref().filter(|_| of_long_running(state)).map(|execution| execution.started_at)
    };
    let known = before.and_then(began);
    let now = began(after)?;
    (known != Some(now)).then(|| (DEADLINE, (now + after.registered.declared.deadline).epoch_seconds()))
}

/// CPU time used against CPU time due at `at`.
fn progress(state: &JobState, at: Timestamp) -> Vec<Figure> {
    let Some(execution) = state.execution.as_ref().filter(|_| state.is_long_running()) else { return vec![] };
    let current = Execution::cpu_current(execution);
    let desired = desired_cpu(at.since(execution.started_at), &state.registered.declared);
    vec![
        (CPU_TIME, current.seconds()),
        (CPU_TIME_DESIRED, desired.seconds()),
        (RATIO, progress_ratio(current, desired)),
        (BEHIND, (desired - current).seconds()),
    ]
}
