//! The published experiments in the time and on the cores of this machine.

use std::time::Duration;

pub use crate::published::{CPUS_PER_NODE, MONITORING_SECONDS, NODES};
use crate::published::{DEADLINE_SECONDS, DEVIATION, JOBS, LONG_RUNNING, RepeatedJob, VARIATION};
use crate::qos::units::Span;
use crate::workload::published::Times;

/// The part of this machine's cores that the virtual CPUs are made of; the rest is for the frameworks, the supervisor and
/// the system.
pub const USABLE_SHARE: f64 = 0.85;
/// The part of the injected deployment delay that the command around a job may take by itself.
pub const LARGEST_OVERHEAD: f64 = 0.2;
/// Threads of a job.
pub const THREADS_PER_JOB: usize = 2;
/// Shortest and longest deployment of the demo in published time, s.
pub const DEPLOYMENT_SECONDS: (f64, f64) = (20.0, 30.0);

/// Case III with checkpoints is at most this fast: a restore takes the same real time at every speed.
pub const LARGEST_SPEED_WITH_CHECKPOINTS: Speed = Speed(5.0);

/// A speed or a share that no experiment can have.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum ScalingError {
    /// Not a speed.
    #[error("speed {0}: a number from 0.01 to 10000 is wanted")]
    Speed(f64),
    /// The jobs' own overhead would distort the experiment.
    #[error(
        "speed {speed} is too high here: the command around a job takes {overhead_ms:.0} ms by itself, more than a fifth \
         of the scaled deployment delay; the largest speed that works is {largest:.1}"
    )]
    TooFast {
        /// The speed asked for.
        speed: f64,
        /// The measured overhead.
        overhead_ms: f64,
        /// The speed to ask for instead.
        largest: f64,
    },
}

/// By how much published time is shortened.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Speed(f64);

impl Speed {
    /// The speed `factor`.
    ///
    /// # Errors
    /// When it is not a number from 0.01 to 10,000.
    pub fn new(factor: f64) -> Result<Self, ScalingError> {
        if (0.01..=10_000.0).contains(&factor) { Ok(Speed(factor)) } else { Err(ScalingError::Speed(factor)) }
    }

    /// The factor.
    pub fn get(self) -> f64 {
        self.0
    }

    /// `published_seconds` at this speed.
    pub fn scale(self, published_seconds: f64) -> Span {
        // Both are bounded far inside what a Span holds.
        Span::from_micros((published_seconds / self.0 * 1e6).round() as i64)
    }

    /// Shortest and longest deployment at this speed.
    pub fn deployment(self) -> (Span, Span) {
        (self.scale(DEPLOYMENT_SECONDS.0), self.scale(DEPLOYMENT_SECONDS.1))
    }
}

/// One job of a case, in scaled time.
#[derive(Debug, Clone, PartialEq)]
pub struct JobPlan {
    /// Name in Chronos, or id in Marathon.
    pub name: &'static str,
    /// How often it runs.
    pub iterations: u32,
    /// What its owner declares for one iteration, or as the CPU time of all of a Marathon job.
    pub duration: Span,
    /// In which all iterations are to finish.
    pub deadline: Span,
    /// `desv_deadline`.
    pub deviation: f64,
    /// Order of the published matrix.
    pub order: u32,
    /// Changes the order by this much in each iteration.
    pub vary: Option<u32>,
    /// Period of the job file's schedule.
    pub period: Span,
}

impl JobPlan {
    /// The schedule of the job file, for example `R4//PT5M` or, scaled, `R4//PT7.5S`.
    pub fn schedule(&self) -> String {
        let milliseconds = (self.period.micros() / 1000).max(1);
        let period = if milliseconds % 60_000 == 0 {
            format!("{}M", milliseconds / 60_000)
        } else if milliseconds % 1000 == 0 {
            format!("{}S", milliseconds / 1000)
        } else {
            format!("{}.{:03}S", milliseconds / 1000, milliseconds % 1000)
        };
        format!("R{}//PT{period}", self.iterations)
    }

    /// Arguments of this program that run one iteration, without the ones that say where the calibration is.
    pub fn workload_arguments(&self) -> Vec<String> {
        let mut arguments = vec!["workload".to_owned(), "lu".to_owned(), self.order.to_string()];
        if let Some(vary) = self.vary {
            arguments.extend(["--vary".to_owned(), vary.to_string()]);
        }
        arguments
    }

    /// How long an iteration takes at `cpus` virtual CPUs, in the mean.
    pub fn iteration(&self, cpus: f64, speed: Speed) -> Span {
        let orders = self.vary.map_or_else(|| vec![self.order], |by| vec![self.order - by, self.order + by]);
        let sum: f64 = orders.iter().map(|&order| Times::of_order(order).at(cpus)).sum();
        speed.scale(sum / orders.len() as f64)
    }
}

/// Case I: the table as it was published.
pub fn case_one(speed: Speed) -> Vec<JobPlan> {
    plans(speed, None)
}

/// Case II: the order of the matrix varies from iteration to iteration.
pub fn case_two(speed: Speed) -> Vec<JobPlan> {
    plans(speed, Some(VARIATION))
}

/// Case III: one long-running job whose work is the CPU time that it declares, an LU factorisation of the order that takes it.
pub fn case_three(speed: Speed) -> JobPlan {
    let job = LONG_RUNNING;
    JobPlan {
        name: job.name,
        iterations: 1,
        duration: speed.scale(job.cpu_seconds),
        deadline: speed.scale(job.deadline),
        deviation: job.deviation,
        order: Times::order_taking(job.cpu_seconds),
        vary: None,
        period: Span::ZERO,
    }
}

fn plans(speed: Speed, vary: Option<u32>) -> Vec<JobPlan> {
    let plan = |job: &RepeatedJob| JobPlan {
        name: job.name,
        iterations: job.iterations,
        duration: speed.scale(job.duration),
        deadline: speed.scale(DEADLINE_SECONDS),
        deviation: DEVIATION,
        order: job.order,
        vary,
        period: speed.scale(job.period),
    };
    JOBS.iter().map(plan).collect()
}

/// Real cores behind one virtual CPU, when `cores` of them carry `virtual_cpus`.
pub fn cpu_factor(cores: usize, virtual_cpus: f64) -> f64 {
    USABLE_SHARE * cores as f64 / virtual_cpus
}

/// The largest speed at which the command around a job, which takes `overhead` by itself, takes at most a fifth of the
/// deployment delay, which is `delay` in published time.
pub fn largest_speed(overhead: Duration, delay: Duration) -> f64 {
    LARGEST_OVERHEAD * delay.as_secs_f64() / overhead.as_secs_f64().max(1e-6)
}

/// Accepts a speed at which the overhead does not distort the experiment.
///
/// # Errors
/// When it does; the error names the largest speed that works.
pub fn check_speed(speed: Speed, overhead: Duration) -> Result<(), ScalingError> {
    let largest = largest_speed(overhead, Duration::from_secs_f64(DEPLOYMENT_SECONDS.0));
    if speed.get() <= largest {
        return Ok(());
    }
    // Rounded down to what is printed, so that the printed speed is accepted.
    let largest = (largest * 10.0).floor() / 10.0;
    Err(ScalingError::TooFast { speed: speed.get(), overhead_ms: overhead.as_secs_f64() * 1e3, largest })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn speed(factor: f64) -> Speed {
        Speed::new(factor).unwrap()
    }

    #[test]
    fn at_speed_one_case_one_is_the_published_table() {
        let plans = case_one(speed(1.0));
        let schedules: Vec<String> = plans.iter().map(JobPlan::schedule).collect();
        assert_eq!(schedules, ["R4//PT5M", "R4//PT5M", "R13//PT3M", "R11//PT3M", "R12//PT3M", "R14//PT2M"]);
        assert!(plans.iter().all(|p| p.deadline == Span::from_secs(1800) && p.vary.is_none()));
        assert_eq!(plans[5].iteration(1.0, speed(1.0)), Span::from_micros(92_360_000));
        assert_eq!(plans[0].workload_arguments(), ["workload", "lu", "6000"]);
    }

    #[test]
    fn all_times_are_divided_by_the_speed() {
        let plans = case_two(speed(40.0));
        assert_eq!(plans[0].schedule(), "R4//PT7.500S");
        assert_eq!((plans[0].duration, plans[0].deadline), (Span::from_secs(10), Span::from_secs(45)));
        assert_eq!(plans[2].workload_arguments(), ["workload", "lu", "4000", "--vary", "250"]);
        assert_eq!(speed(40.0).deployment(), (Span::from_micros(500_000), Span::from_micros(750_000)));
    }

    #[test]
    fn case_three_is_one_job_whose_work_is_what_it_declares() {
        let plan = case_three(speed(1.0));
        assert_eq!((plan.duration, plan.deadline), (Span::from_secs(400), Span::from_secs(480)));
        let alone = plan.iteration(1.0, speed(1.0)).seconds();
        assert!((alone - 400.0).abs() < 0.2, "{alone}");
        assert_eq!(case_three(speed(40.0)).deadline, Span::from_secs(12));
    }

    #[test]
    fn the_published_cluster_fits_two_cores() {
        let virtual_cpus = f64::from(NODES * CPUS_PER_NODE);
        assert!((cpu_factor(2, virtual_cpus) - 0.17).abs() < 1e-12);
    }

    #[test]
    fn a_speed_that_drowns_in_overhead_is_refused_with_one_that_does_not() {
        let overhead = Duration::from_millis(70);
        assert_eq!(check_speed(speed(57.0), overhead), Ok(()));
        let Err(ScalingError::TooFast { largest, .. }) = check_speed(speed(60.0), overhead) else { panic!() };
        assert_eq!(check_speed(speed(largest), overhead), Ok(()));
        assert!(Speed::new(f64::NAN).is_err() && Speed::new(0.0).is_err());
    }
}
