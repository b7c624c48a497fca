//! The jobs of a case, as they declare themselves and as they really are.

use super::amdahl::Speedup;
use super::luck::{Luck, within};
use super::scenario::Scenario;
use crate::api::register::RegisterRequest;
use crate::published::{Case, DEADLINE_SECONDS, DEVIATION, JOBS, LONG_RUNNING, VARIATION};
use crate::qos::ids::{Framework, JobId};
use crate::workload::published::Times;

/// One job of the experiment.
#[derive(Debug, Clone, PartialEq)]
pub struct JobModel {
    /// Its name in its framework.
    pub name: &'static str,
    /// Seconds (of an iteration) or CPU-seconds (in all) that it declares.
    pub declared: f64,
    /// Seconds in which it is to be done.
    pub deadline: f64,
    /// `desv_deadline`.
    pub deviation: f64,
    /// What it runs.
    pub kind: Kind,
}

/// What a job runs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// So many iterations, one after the other.
    Repeated {
        /// How many.
        iterations: u32,
        /// Order of the matrix.
        order: u32,
        /// What it may differ by from one iteration to the next.
        variation: u32,
        /// How long one takes.
        speedup: Speedup,
    },
    /// One execution that uses this many CPU-seconds, and that CPUs can divide without loss.
    LongRunning {
        /// CPU-seconds.
        work: f64,
    },
}

impl JobModel {
    /// The jobs of `scenario`.
    pub fn of(scenario: &Scenario) -> Vec<JobModel> {
        match scenario.case {
            Case::One => repeated(scenario, 0),
            Case::Two => repeated(scenario, VARIATION),
            Case::Three => vec![long_running(scenario)],
        }
    }

    /// The framework that runs it.
    pub fn framework(&self) -> Framework {
        match self.kind {
            Kind::Repeated { .. } => Framework::Chronos,
            Kind::LongRunning { .. } => Framework::Marathon,
        }
    }

    /// How its launcher introduces it.
    pub fn registration(&self, id: JobId, scenario: &Scenario) -> RegisterRequest {
        RegisterRequest {
            uuid: id,
            name: self.name.to_owned(),
            framework: self.framework(),
            job_duration: self.declared,
            deadline: self.deadline,
            desv_deadline: self.deviation,
            iterations: match self.kind {
                Kind::Repeated { iterations, .. } => Some(iterations),
                Kind::LongRunning { .. } => None,
            },
            cpus: Some(scenario.submitted.as_f64()),
            policy: None,
            chain: scenario.chains().then_some(true),
            max_failures: None,
            arguments_version: Some(1),
            start_at: None,
            callback_window: None,
            dry_run: None,
        }
    }
}

/// By what factor an iteration takes longer than the published time of its order.
pub fn time_factor(scenario: &Scenario, order: u32, variation: u32, luck: &Luck) -> f64 {
    let noise = libm::exp(scenario.noise * luck.noise);
    let straggler = if luck.straggler < scenario.stragglers {
        within(scenario.straggler_factor, luck.straggler_factor)
    } else {
        1.0
    };
    let (order, variation) = (f64::from(order), f64::from(variation));
    let changed = (if luck.order < 0.5 { order + variation } else { order - variation }) / order;
    noise * straggler * changed * changed * changed
}

fn repeated(scenario: &Scenario, variation: u32) -> Vec<JobModel> {
    let model = |job: &crate::published::RepeatedJob| {
        let times = Times::of_order(job.order);
        JobModel {
            name: job.name,
            declared: job.duration * scenario.duration_factor,
            deadline: scenario.deadline_s.unwrap_or(DEADLINE_SECONDS),
            deviation: scenario.deviation.unwrap_or(DEVIATION),
            kind: Kind::Repeated {
                iterations: job.iterations,
                order: job.order,
                variation,
                speedup: Speedup::new(times.one_cpu, times.two_cpus, scenario.amdahl_error),
            },
        }
    };
    JOBS.iter().map(model).collect()
}

fn long_running(scenario: &Scenario) -> JobModel {
    let work = scenario.work_s.unwrap_or(LONG_RUNNING.cpu_seconds);
    JobModel {
        name: LONG_RUNNING.name,
        declared: work * scenario.duration_factor,
        deadline: scenario.deadline_s.unwrap_or(LONG_RUNNING.deadline),
        deviation: scenario.deviation.unwrap_or(LONG_RUNNING.deviation),
        kind: Kind::LongRunning { work },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_one_has_the_published_jobs_and_case_two_varies_their_orders() {
        let jobs = JobModel::of(&Scenario::published(Case::One));
        assert_eq!(jobs.len(), 6);
        let Kind::Repeated { iterations: 13, order: 4000, variation: 0, speedup } = jobs[2].kind else {
            panic!("{:?}", jobs[2])
        };
        assert!((speedup.seconds(1.0) - 162.75).abs() < 1e-9);
        let scenario = Scenario { noise: 0.0, stragglers: 0.0, ..Scenario::published(Case::Two) };
        let factors: Vec<f64> = (0..400).map(|i| time_factor(&scenario, 4000, VARIATION, &Luck::of(3, 0, i))).collect();
        let larger = (4250.0f64 / 4000.0).powi(3);
        assert!(factors.iter().all(|f| (f - larger).abs() < 1e-9 || (f - (3750.0f64 / 4000.0).powi(3)).abs() < 1e-9));
        let share = factors.iter().filter(|f| **f > 1.0).count();
        assert!((160..240).contains(&share), "{share}");
    }

    #[test]
    fn a_straggler_takes_as_much_longer_as_its_range_says() {
        let scenario = Scenario { noise: 0.0, stragglers: 1.0, ..Scenario::published(Case::One) };
        let factors: Vec<f64> = (0..500).map(|i| time_factor(&scenario, 6000, 0, &Luck::of(3, 0, i))).collect();
        assert!(factors.iter().all(|factor| (1.2..1.6).contains(factor)));
        assert!(factors.iter().any(|factor| *factor > 1.55) && factors.iter().any(|factor| *factor < 1.25));
    }
}
