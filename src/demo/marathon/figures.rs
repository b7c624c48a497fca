//! The figures of the long-running job.

use serde::Serialize;

use super::agreement::Claim;
use super::form::Form;
use crate::config::RescaleMode;
use crate::demo::evidence::Evidence;
use crate::demo::options::Case;
use crate::demo::result::{JobResult, rounded};
use crate::demo::scaling::JobPlan;
use crate::demo::snapshot::JobNow;
use crate::demo::story::Story;
use crate::events::job::ProgressDecided;
use crate::qos::performance::Performance;
use crate::qos::units::{Cpus, Timestamp};
use crate::workload::published::Times;

/// How the case was run.
#[derive(Debug)]
pub struct Scene<'a> {
    /// By checkpoints or in place.
    pub form: &'a Form,
    /// Real cores behind one virtual CPU.
    pub cpu_factor: f64,
    /// CPU time in the group around the job, s of a real core; absent where there is none.
    pub kernel: Option<std::time::Duration>,
    /// CPUs with which it was submitted.
    pub submitted: Cpus,
}

/// What only a long-running job has. CPU-seconds are those of virtual CPUs, instants seconds since the start of the execution.
#[derive(Debug, Clone, Serialize)]
pub struct LongRunning {
    /// `restart` or `in-place`.
    pub rescale: &'static str,
    /// What the agent ran it with: `docker` or `process`.
    pub runtime: Option<String>,
    /// How it was run, in words.
    pub form: String,
    /// Why it was run so, and not in the other way.
    pub why: String,
    /// What its owner declared.
    pub cpu_seconds_declared: f64,
    /// By the supervisor's log: the segments, each read from the kernel at its end.
    pub cpu_seconds_supervised: f64,
    /// What its limits allowed while it ran.
    pub cpu_seconds_allowed: f64,
    /// Counted by the kernel in a group around all segments, restores included; null where no group can be made.
    pub cpu_seconds_kernel: Option<f64>,
    /// Of the cluster's tasks, by the kernel: the agents, and the job too where it runs in their control group.
    pub cpu_seconds_tasks: f64,
    /// Runs of the container or process.
    pub segments: usize,
    /// The changes of its CPU.
    pub resizes: Vec<ResizeFigures>,
    /// What was decided at each look.
    pub decisions: Vec<DecisionFigures>,
    /// How long its work would have taken with the CPU that it was submitted with.
    pub untouched_s: f64,
}

/// One change of the CPU.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct ResizeFigures {
    /// CPU before.
    pub from: f64,
    /// CPU after.
    pub to: f64,
    /// From the decision to the new CPU, s.
    pub took_s: f64,
    /// How long the job stood still, s.
    pub lost_s: f64,
}

/// One decision.
#[derive(Debug, Clone, Serialize)]
pub struct DecisionFigures {
    /// When its sample was taken, s.
    pub at_s: f64,
    /// Used over due.
    pub progress_ratio: f64,
    /// How the job does.
    pub performance: Performance,
    /// CPU from here on.
    pub cpus: f64,
    /// In a sentence.
    pub reason: String,
}

impl DecisionFigures {
    fn new(decided: &ProgressDecided, started_at: Timestamp) -> Self {
        DecisionFigures {
            at_s: rounded(decided.inputs.at.since(started_at).seconds()),
            progress_ratio: rounded(decided.ratio_millionths as f64 / 1e6),
            performance: decided.performance,
            cpus: decided.to.as_f64(),
            reason: decided.reason.clone(),
        }
    }
}

/// The result of the job of case III, which has come to its end; `admission` is the verdict at its registration.
pub fn job_result(
    plan: &JobPlan,
    job: &JobNow,
    admission: String,
    evidence: &Evidence,
    scene: &Scene<'_>,
) -> JobResult {
    let Scene { form, cpu_factor, kernel, submitted } = *scene;
    let in_place = form.rescale == RescaleMode::InPlace;
    let story = Story::of(evidence, in_place);
    // Without a group around it the job runs in its task's own.
    let job_is_in_tasks = !form.container && kernel.is_none();
    let claim = Claim {
        in_place,
        rescales: job.rescales,
        submitted,
        cpu_factor,
        kernel,
        job_is_in_tasks,
        evidence,
        story: &story,
    };
    let completed = job.finished_s.is_some();
    let virtual_seconds = |core_seconds: f64| core_seconds / cpu_factor;
    let supervised = story.cpu_seconds();
    let tasks = virtual_seconds(evidence.usage.used_core_seconds);
    let kernel_s = kernel.map(|time| virtual_seconds(time.as_secs_f64()));
    let used = kernel_s.unwrap_or(supervised);
    let agents = if job_is_in_tasks { (tasks - supervised).max(0.0) } else { tasks };
    let started_at = story.started_at.unwrap_or(Timestamp::from_micros(0));
    let times = Times::of_order(plan.order);
    // A limit above 1 is of use for the parallel part only.
    let could_use = story.over_time(|cpus| times.one_cpu / times.at(cpus));
    // The work is the same whatever the limit.
    let untouched_s = supervised * times.at(submitted.as_f64()) / times.one_cpu;
    let long = LongRunning {
        rescale: form.rescale.as_str(),
        runtime: story.segments.first().and_then(|segment| segment.start.runtime.clone()),
        form: form.describe(),
        why: form.why.clone(),
        cpu_seconds_declared: rounded(plan.duration.seconds()),
        cpu_seconds_supervised: rounded(supervised),
        cpu_seconds_allowed: rounded(story.over_time(|cpus| cpus)),
        cpu_seconds_kernel: kernel_s.map(rounded),
        cpu_seconds_tasks: rounded(tasks),
        segments: story.segments.len(),
        resizes: story
            .resizes
            .iter()
            .map(|resize| ResizeFigures {
                from: resize.from.as_f64(),
                to: resize.to.as_f64(),
                took_s: rounded(resize.took_s),
                lost_s: rounded(resize.lost_s),
            })
            .collect(),
        decisions: story.decisions.iter().map(|decided| DecisionFigures::new(decided, started_at)).collect(),
        untouched_s: rounded(untouched_s),
    };
    JobResult {
        case: Case::Three,
        name: job.name.clone(),
        uuid: job.uuid,
        iterations: job.done,
        deadline_s: rounded(job.deadline_s),
        finished_s: job.finished_s.map(rounded),
        on_time: job.on_time == Some(true),
        cpu_seconds_allocated: rounded(evidence.usage.reserved_cpu_seconds),
        cpu_seconds_used: rounded(used),
        rescales: job.rescales,
        iterations_wanted: job.iterations,
        state: job.state.as_str(),
        reason: job.reason.clone(),
        admission,
        cpu_seconds_workload: rounded(virtual_seconds(claim.own_core_seconds())),
        cpu_seconds_wrapper: rounded(agents),
        launches: evidence.usage.launches.iter().filter(|launch| launch.launched_at.is_some()).count(),
        gap_mean_s: None,
        wait_mean_s: None,
        slowdown: (supervised > 0.0).then(|| rounded(could_use / supervised)),
        long_running: Some(long),
        problems: if completed { claim.disagreements() } else { Vec::new() },
    }
}
