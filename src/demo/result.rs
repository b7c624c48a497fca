//! What the demo found out, as it is printed.

use serde::Serialize;

use super::agreement::{CPU_TOLERANCE, Claim, UnderAgents};
use super::arrival::Arrival;
use super::evidence::Evidence;
use super::in_place;
use super::marathon::figures::LongRunning;
use super::options::Case;
use super::overhead::Overhead;
use super::scaling::Speed;
use super::snapshot::JobNow;
use super::story::Story;
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
    /// Its name in Chronos, or id in Marathon.
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
    /// What the command around its runs takes, as measured before the start, with what agents used by themselves; of case III the agents'
    /// own, by the journal.
    pub cpu_seconds_wrapper: f64,
    /// Processes that the cluster launched for it.
    pub launches: usize,
    /// Mean time from the end of an iteration to the start of the next; null with fewer than two.
    pub gap_mean_s: Option<f64>,
    /// The part of it before the next run had a place in the cluster.
    pub wait_mean_s: Option<f64>,
    /// How many times longer than published (at this speed and CPU) its iterations took; 1 unless the machine is busy.
    pub slowdown: Option<f64>,
    /// What only the job of case III has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub long_running: Option<LongRunning>,
    /// What does not agree.
    pub problems: Vec<String>,
}

impl JobResult {
    /// The result of a job that has come to its end; `admission` is the verdict at its registration.
    pub fn new(case: Case, job: &JobNow, admission: String, evidence: &Evidence, scale: &Scale) -> Self {
        let Scale { overhead, cpu_factor, speed } = *scale;
        let rescales = job.rescales;
        let story = Story::of(evidence, true);
        let is_under_agents = !story.segments.is_empty();
        let claim = Claim {
            iterations: job.iterations,
            rescales,
            wrapper_core_seconds: overhead.cpu_s,
            evidence,
            under_agents: is_under_agents.then_some(UnderAgents { story: &story, cpu_factor }),
        };
        let launches = evidence.usage.launches.iter().filter(|launch| launch.launched_at.is_some()).count();
        // A task that has printed nothing has run once, too.
        let runs = evidence.all_own_figures().count().max(launches);
        let completed = job.finished_s.is_some();
        let used = evidence.usage.used_core_seconds / cpu_factor;
        let allocated = evidence.usage.reserved_cpu_seconds;
        let mut problems = if completed { claim.disagreements() } else { Vec::new() };
        // Where agents set the limits, what was reserved is none.
        let (used_by, allowed, by) = match is_under_agents {
            true => (story.cpu_seconds(), story.over_time(|cpus| cpus) * (1.0 + CPU_TOLERANCE), "its limits allowed"),
            false => (used, allocated, "were reserved"),
        };
        if completed && used_by > allowed {
            problems.push(format!("{used_by:.2} CPU seconds were used, more than the {allowed:.2} that {by}"));
        }
        let agents = if is_under_agents { (used - story.cpu_seconds()).max(0.0) } else { 0.0 };
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
            cpu_seconds_wrapper: rounded(overhead.cpu_s * runs as f64 / cpu_factor + agents),
            launches,
            gap_mean_s: mean_gap(evidence).map(rounded),
            wait_mean_s: mean_wait(evidence).map(rounded),
            slowdown: if is_under_agents {
                in_place::slowdown(evidence, &story, speed).map(rounded)
            } else {
                slowdown(evidence, speed).map(rounded)
            },
            long_running: None,
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
pub fn rounded(value: f64) -> f64 {
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
    /// Published times were to be divided by this; a case may say another.
    pub speed: f64,
    /// Who decided.
    pub policy: &'static str,
    /// The iterations of a job of cases I and II could share a task.
    pub chain: bool,
    /// Agents changed their CPU while their tasks ran.
    pub in_place: bool,
    /// Real cores behind one virtual CPU.
    pub virtual_cpu_cores: f64,
    /// What ran the jobs.
    pub executor: String,
    /// Whose behaviour the cluster had.
    pub chronos_version: &'static str,
    /// Of the choices of nodes, delays and orders.
    pub seed: u64,
    /// What the command around a job of cases I and II takes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wrapper: Option<Overhead>,
    /// What the jobs' work costs here: under the load of six jobs, or of the one of case III when that is all.
    pub calibration: Calibration,
}

/// One case.
#[derive(Debug, Clone, Serialize)]
pub struct CaseSummary {
    /// Which.
    pub case: Case,
    /// Published times were divided by this.
    pub speed: f64,
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
    /// What came of the metrics. That one is missing is told, and fails nothing.
    pub metrics: Arrival,
}

impl CaseSummary {
    /// Counts the jobs of `case`.
    pub fn new(case: Case, speed: Speed, jobs: &[JobResult], duration_s: f64, events: i64, metrics: Arrival) -> Self {
        let on_time = jobs.iter().filter(|job| job.on_time).count();
        let (total, published_on_time) = (jobs.len(), case.published_on_time());
        let slowdowns: Vec<f64> = jobs.iter().filter_map(|job| job.slowdown).collect();
        let slowdown = rounded(slowdowns.iter().sum::<f64>() / slowdowns.len().max(1) as f64);
        let speed = speed.get();
        CaseSummary {
            case,
            speed,
            on_time,
            total,
            published_on_time,
            slowdown,
            duration_s: rounded(duration_s),
            events,
            metrics,
        }
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
                let done = job.finished_s.unwrap_or_default();
                let by = done - job.deadline_s;
                failures.push(format!(
                    "{name}: {by:.1} s late, done at {done:.1} s of {:.1} s, although the deadline was {} (--strict)",
                    job.deadline_s, job.admission
                ));
            }
            failures.extend(job.problems.iter().map(|problem| format!("{name}: {problem}")));
        }
        failures
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(name: &str, admission: &str, finished_s: Option<f64>) -> JobResult {
        JobResult {
            case: Case::One,
            name: name.to_owned(),
            uuid: JobId::random(),
            iterations: 4,
            deadline_s: 120.0,
            finished_s,
            on_time: finished_s.is_some_and(|at| at <= 120.0),
            cpu_seconds_allocated: 9.0,
            cpu_seconds_used: 8.0,
            rescales: 1,
            iterations_wanted: 4,
            state: if finished_s.is_some() { "completed" } else { "failed" },
            reason: None,
            admission: admission.to_owned(),
            cpu_seconds_workload: 7.5,
            cpu_seconds_wrapper: 0.5,
            launches: 4,
            gap_mean_s: None,
            wait_mean_s: None,
            slowdown: None,
            long_running: None,
            problems: Vec::new(),
        }
    }

    fn failures(jobs: Vec<JobResult>, strict: bool) -> Vec<String> {
        let result = DemoResult {
            on_time: jobs.iter().filter(|job| job.on_time).count(),
            total: jobs.len(),
            jobs,
            cases: Vec::new(),
            speed: 15.0,
            policy: "step",
            chain: false,
            in_place: false,
            virtual_cpu_cores: 0.17,
            executor: "process/cgroup-v1".to_owned(),
            chronos_version: "3.0",
            seed: 1,
            wrapper: None,
            calibration: Calibration { seconds_per_factorisation: 0.01, matrix_order: 32, measured_under: 1 },
        };
        result.failures(strict)
    }

    const NONE: [String; 0] = [];

    #[test]
    fn a_demo_whose_feasible_jobs_are_on_time_succeeds_strictly() {
        let jobs = || vec![job("a", "feasible", Some(120.0)), job("b", "tight", Some(100.0))];
        assert_eq!(failures(jobs(), true), NONE);
        assert_eq!(failures(jobs(), false), NONE);
    }

    #[test]
    fn a_late_job_fails_the_demo_only_strictly_and_only_when_its_deadline_could_be_kept() {
        let jobs = || {
            let late = |name, admission| job(name, admission, Some(134.46));
            vec![late("a", "feasible"), late("b", "tight"), late("c", "infeasible"), job("d", "feasible", Some(9.0))]
        };
        assert_eq!(failures(jobs(), false), NONE);
        let sentence = |name: &str, admission: &str| {
            format!(
                "case i, {name}: 14.5 s late, done at 134.5 s of 120.0 s, although the deadline was {admission} (--strict)"
            )
        };
        assert_eq!(failures(jobs(), true), [sentence("a", "feasible"), sentence("b", "tight")]);
    }

    #[test]
    fn a_job_that_did_not_complete_fails_the_demo_always_feasible_or_not() {
        for strict in [false, true] {
            let mut failed = job("a", "infeasible", None);
            failed.reason = Some("gave up after 3 failed attempts".to_owned());
            let jobs = vec![failed, job("b", "feasible", None)];
            let wished = ["case i, a: failed: gave up after 3 failed attempts", "case i, b: failed: no reason given"];
            assert_eq!(failures(jobs, strict), wished);
        }
    }

    #[test]
    fn figures_that_do_not_agree_fail_the_demo_although_every_job_is_on_time() {
        let mut doubted = job("a", "feasible", Some(100.0));
        doubted.problems = vec!["the journal has launched x twice".to_owned()];
        assert_eq!(failures(vec![doubted], false), ["case i, a: the journal has launched x twice"]);
    }
}
