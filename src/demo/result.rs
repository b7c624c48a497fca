//! What the demo found out, as it is printed.

use serde::Serialize;

use super::agreement::Claim;
use super::evidence::Evidence;
use super::options::Case;
use super::overhead::Overhead;
use super::scaling::Speed;
use super::snapshot::JobNow;
use super::timing::{mean_gap, mean_wait, slowdown};
use crate::qos::ids::JobId;
use crate::workload::settings::Calibration;

/// How the experiment was brought to this machine.
#[derive(Debug, Clone, Copy)]
pub struct Scale {
    /// Published times are divided by this.
    pub speed: Speed,
    /// Real cores behind one virtual CPU.
    pub cpu_factor: f64,
    /// What the command around a job takes.
    pub overhead: Overhead,
}

/// One job; times are real seconds since the start of its case, CPU seconds are those of virtual CPUs.
#[derive(Debug, Clone, Serialize)]
pub struct JobResult {
    /// The case it belongs to.
    pub case: Case,
    /// Its name in Chronos.
    pub name: String,
    /// Its identity.
    pub uuid: JobId,
    /// Iterations done.
    pub iterations: u32,
    /// When it was to be done.
    pub deadline_s: f64,
    /// When it was done; null when it was not.
    pub finished_s: Option<f64>,
    /// Whether it was done in time.
    pub on_time: bool,
    /// Reserved in the cluster, from each placement to the end of the run.
    pub cpu_seconds_allocated: f64,
    /// Used by its tasks, by the kernel's counters.
    pub cpu_seconds_used: f64,
    /// How often its CPU was changed.
    pub rescales: u32,
    /// Iterations that were to be done.
    pub iterations_wanted: u32,
    /// `completed`, or how it ended otherwise.
    pub state: &'static str,
    /// Why it ended otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The verdict at its registration: `feasible`, `tight` or `infeasible`.
    pub admission: String,
    /// What its programs measured of themselves; the rest of what was used is the command around them.
    pub cpu_seconds_workload: f64,
    /// What the command around its runs takes, as measured before the start.
    pub cpu_seconds_wrapper: f64,
    /// Processes that the cluster launched for it.
    pub launches: usize,
    /// Mean time from the end of an iteration to the start of the next; null with fewer than two.
    pub gap_mean_s: Option<f64>,
    /// The part of it before the next run had a place in the cluster.
    pub wait_mean_s: Option<f64>,
    /// How many times longer than published (at this speed and CPU) its iterations took; 1 unless the machine is busy.
    pub slowdown: Option<f64>,
    /// What does not agree.
    pub problems: Vec<String>,
}

impl JobResult {
    /// The result of a job that has come to its end; `admission` is the verdict at its registration.
    pub fn new(case: Case, job: &JobNow, admission: String, evidence: &Evidence, scale: &Scale) -> Self {
        let Scale { overhead, cpu_factor, speed } = *scale;
        let rescales = job.rescales;
        let claim = Claim { iterations: job.iterations, rescales, wrapper_core_seconds: overhead.cpu_s, evidence };
        let launches = evidence.usage.launches.iter().filter(|launch| launch.launched_at.is_some()).count();
        let completed = job.finished_s.is_some();
        let used = evidence.usage.used_core_seconds / cpu_factor;
        let allocated = evidence.usage.reserved_cpu_seconds;
        let mut problems = if completed { claim.disagreements() } else { Vec::new() };
        if completed && used > allocated {
            problems.push(format!("{used:.2} CPU seconds were used, more than the {allocated:.2} that were reserved"));
        }
        JobResult {
            case,
            name: job.name.clone(),
            uuid: job.uuid,
            iterations: job.done,
            deadline_s: rounded(job.deadline_s),
            finished_s: job.finished_s.map(rounded),
            on_time: job.on_time == Some(true),
            cpu_seconds_allocated: rounded(allocated),
            cpu_seconds_used: rounded(used),
            rescales,
            iterations_wanted: job.iterations,
            state: job.state.as_str(),
            reason: job.reason.clone(),
            admission,
            cpu_seconds_workload: rounded(claim.own_core_seconds() / cpu_factor),
            cpu_seconds_wrapper: rounded(overhead.cpu_s * launches as f64 / cpu_factor),
            launches,
            gap_mean_s: mean_gap(evidence).map(rounded),
            wait_mean_s: mean_wait(evidence).map(rounded),
            slowdown: slowdown(evidence, speed).map(rounded),
            problems,
        }
    }

    /// All its iterations were done.
    pub fn is_completed(&self) -> bool {
        self.finished_s.is_some()
    }

    /// Its deadline could be kept, as far as anybody knew when it came.
    pub fn is_feasible(&self) -> bool {
        self.admission != "infeasible"
    }
}

/// To a millisecond: more digits would say more than was measured.
fn rounded(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

/// The document of `--json`.
#[derive(Debug, Clone, Serialize)]
pub struct DemoResult {
    /// All jobs of all cases.
    pub jobs: Vec<JobResult>,
    /// How many were on time.
    pub on_time: usize,
    /// How many there are.
    pub total: usize,
    /// Each case by itself.
    pub cases: Vec<CaseSummary>,
    /// Published times were divided by this.
    pub speed: f64,
    /// Who decided.
    pub policy: &'static str,
    /// Real cores behind one virtual CPU.
    pub virtual_cpu_cores: f64,
    /// What ran the jobs.
    pub executor: String,
    /// Whose behaviour the cluster had.
    pub chronos_version: &'static str,
    /// Of the choices of nodes, delays and orders.
    pub seed: u64,
    /// What the command around a job takes.
    pub wrapper: Overhead,
    /// What the jobs' work costs here.
    pub calibration: Calibration,
}

/// One case.
#[derive(Debug, Clone, Serialize)]
pub struct CaseSummary {
    /// Which.
    pub case: Case,
    /// How many of its jobs were on time.
    pub on_time: usize,
    /// How many it has.
    pub total: usize,
    /// How many were on time when it was published.
    pub published_on_time: usize,
    /// How many times longer than published its iterations took, in the mean over the jobs; 1 unless the machine is busy.
    pub slowdown: f64,
    /// From the first launch to the last end, s.
    pub duration_s: f64,
    /// Events in the supervisor's log, each a verified link of its hash chain.
    pub events: i64,
}

impl CaseSummary {
    /// Counts the jobs of `case`.
    pub fn new(case: Case, jobs: &[JobResult], duration_s: f64, events: i64) -> Self {
        let on_time = jobs.iter().filter(|job| job.on_time).count();
        let (total, published_on_time) = (jobs.len(), case.published_on_time());
        let slowdowns: Vec<f64> = jobs.iter().filter_map(|job| job.slowdown).collect();
        let slowdown = rounded(slowdowns.iter().sum::<f64>() / slowdowns.len().max(1) as f64);
        CaseSummary { case, on_time, total, published_on_time, slowdown, duration_s: rounded(duration_s), events }
    }
}

impl DemoResult {
    /// Why the demo did not succeed; with `strict`, feasible jobs that were late count too.
    pub fn failures(&self, strict: bool) -> Vec<String> {
        let mut failures = Vec::new();
        for job in &self.jobs {
            let name = format!("case {}, {}", job.case.as_str(), job.name);
            if !job.is_completed() {
                failures.push(format!("{name}: {}: {}", job.state, job.reason.as_deref().unwrap_or("no reason given")));
            } else if strict && job.is_feasible() && !job.on_time {
                failures.push(format!("{name}: feasible, and late (--strict)"));
            }
            failures.extend(job.problems.iter().map(|problem| format!("{name}: {problem}")));
        }
        failures
    }
}
