//! What was and what would have been, side by side.

use serde::Serialize;

use super::divergence::{DecisionView, Divergence};
use super::law::Law;
use super::outcome::Outcome;
use crate::qos::ids::{Framework, JobId};

/// Of fewer draws none is expected in the 2.5 % on either side, and what would be called a range of 95 % is only the range of the draws.
pub const LEAST_DRAWS: u32 = 40;

/// What was and what would have been.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// What was different.
    pub change: String,
    /// The jobs, in the order of their registration.
    pub jobs: Vec<JobComparison>,
    /// The cluster that the jobs shared in the replay; none when each kept the waits for a node that were recorded of it.
    pub cluster: Option<SharedCluster>,
    /// From so many draws of what is not known the intervals and chances are made.
    pub draws: u32,
    /// What a reader has to know about these figures.
    pub notes: Vec<String>,
}

/// One job, in fact and under the change.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct JobComparison {
    /// The job.
    pub job: JobId,
    /// Its name in its framework.
    pub name: String,
    /// Its framework.
    pub framework: Framework,
    /// Its deadline, in seconds from where it counts.
    pub deadline_s: f64,
    /// What its work takes with how much CPU, and how well that is known.
    pub law: Law,
    /// The policy that decided in fact.
    pub recorded_policy: String,
    /// In fact.
    pub recorded: Outcome,
    /// Under the change, with the law as it was fitted.
    pub replayed: Outcome,
    /// Where the finish lies with a probability of 95 %, were the same iterations met by the same luck; none of fewer draws than [`LEAST_DRAWS`],
    /// as the two below.
    pub finish: Option<Interval>,
    /// The same for another run of the same job, whose iterations have luck of their own.
    pub finish_another_run: Option<Interval>,
    /// The share of the draws of another run that are on time.
    pub chance_on_time: Option<f64>,
    /// Where the CPU is first another.
    pub first_divergence: Option<Divergence>,
    /// Iterations, or CPU-seconds, that were not recorded and are predicted.
    pub predicted_work: f64,
    /// The decisions in fact.
    pub recorded_decisions: Vec<DecisionView>,
    /// The decisions under the change.
    pub replayed_decisions: Vec<DecisionView>,
}

/// A range, in seconds from where the deadline counts.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Interval {
    /// 2.5 % are below.
    pub low_s: f64,
    /// Half are below.
    pub median_s: f64,
    /// 2.5 % are above.
    pub high_s: f64,
}

impl Interval {
    /// Of `values`; none when there are none.
    pub(super) fn of(mut values: Vec<f64>) -> Option<Interval> {
        values.sort_by(f64::total_cmp);
        let at = |share: f64| {
            let place = share * (values.len().saturating_sub(1)) as f64;
            // Between two values, in proportion.
            let (below, part) = (place.floor(), place - place.floor());
            let (low, high) = (values.get(below as usize)?, values.get(place.ceil() as usize)?);
            Some(low + (high - low) * part)
        };
        Some(Interval { low_s: at(0.025)?, median_s: at(0.5)?, high_s: at(0.975)? })
    }

    /// With the likeliest finish inside, which a few draws may miss.
    #[must_use]
    pub(super) fn and(self, likeliest: Option<f64>) -> Interval {
        let likeliest = likeliest.unwrap_or(self.median_s);
        Interval { low_s: self.low_s.min(likeliest), high_s: self.high_s.max(likeliest), ..self }
    }

    /// Whether `seconds` lie in it.
    pub fn contains(&self, seconds: f64) -> bool {
        (self.low_s..=self.high_s).contains(&seconds)
    }
}

/// The nodes that all jobs of a replay share.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct SharedCluster {
    /// How many.
    pub nodes: u32,
    /// CPUs of each.
    pub node_cpus: f64,
    /// Whether the jobs decide under an arbitration.
    pub arbitrated: bool,
}
