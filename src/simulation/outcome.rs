//! What became of the jobs of one run.

use crate::events::job::JobEvent;
use crate::qos::ids::JobId;
use crate::qos::units::Timestamp;

/// One job of one run.
#[derive(Debug, Clone, PartialEq)]
pub struct JobOutcome {
    /// Its name in its framework.
    pub name: &'static str,
    /// From where its deadline counts to its end, s.
    pub finished_s: f64,
    /// Its deadline, counted from there, s.
    pub deadline_s: f64,
    /// Whether production's rules say that it was on time.
    pub on_time: bool,
    /// CPU-seconds that were kept for it, from its placement to its end.
    pub reserved: f64,
    /// CPU-seconds that its containers had while they ran.
    pub used: f64,
    /// Resizes that took effect.
    pub rescales: u32,
    /// Resizes up, down and up again, or the reverse, at three decisions in a row.
    pub zigzags: u32,
    /// Time that it stood still for restarts, s.
    pub downtime_s: f64,
}

impl JobOutcome {
    /// Seconds after the deadline; zero when on time.
    pub fn lateness_s(&self) -> f64 {
        (self.finished_s - self.deadline_s).max(0.0)
    }
}

/// One run: all jobs of the scenario.
#[derive(Debug, Clone, PartialEq)]
pub struct RunOutcome {
    /// In the order of the scenario.
    pub jobs: Vec<JobOutcome>,
}

impl RunOutcome {
    /// How many were on time.
    pub fn on_time(&self) -> usize {
        self.jobs.iter().filter(|job| job.on_time).count()
    }

    /// The sum of `of` over the jobs.
    pub fn sum(&self, of: impl Fn(&JobOutcome) -> f64) -> f64 {
        self.jobs.iter().map(of).sum()
    }
}

/// Events that were recorded together, as one transaction of production.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    /// Whose.
    pub job: JobId,
    /// When.
    pub at: Timestamp,
    /// In their order.
    pub events: Vec<JobEvent>,
}
