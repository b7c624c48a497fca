//! The CPU time of long-running jobs, where it is asked for and not told by their agents.
//!
//! # Layout
//!
//! - [`CpuSource`]: one read for all jobs that run
//! - `mesos`: what the Mesos agents measure; `prometheus`: what cAdvisor measures and Prometheus keeps
//! - `monasca`: what the agents of Monasca publish
//! - [`Nodes`]: what of each node is free, and who was given it
//! - `poll`: reads again and again, and hands the readings to the jobs

mod mesos;
mod monasca;
mod nodes;
mod poll;
mod prometheus;

use std::fmt;
use std::future::Future;
use std::pin::Pin;

pub use mesos::MesosSource;
pub use monasca::MonascaSource;
pub use nodes::Nodes;
pub use poll::Poll;
pub use prometheus::{ContainerMetric, PrometheusSource};

use crate::qos::ids::JobId;
use crate::qos::units::{Cpus, Span, Timestamp};

/// A long-running job whose CPU time is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunningJob {
    /// The job.
    pub job: JobId,
    /// Its name in its framework.
    pub name: String,
    /// The segment that runs; 0 when its agent knows no segments.
    pub segment: u64,
    /// When the segment's start was known here. Whatever started later is not of this segment.
    pub since: Timestamp,
    /// The framework's task that the segment runs in, when its agent says so.
    pub task: Option<String>,
    /// What the log has of the segment.
    pub recorded: Option<Recorded>,
}

/// The CPU time of a segment that was recorded last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recorded {
    /// When it was measured.
    pub at: Timestamp,
    /// User and system time since the segment's start.
    pub cpu: Span,
}

/// What a source says of one job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// The job.
    pub job: JobId,
    /// The segment that was measured.
    pub segment: u64,
    /// Since when it was known, as it was asked for.
    pub since: Timestamp,
    /// CPU time of the segment, user and system.
    pub cpu: Span,
    /// The job's node, where the source knows nodes.
    pub node: Option<String>,
    /// CPU of that node that nobody has reserved.
    pub free: Option<Cpus>,
    /// When it was measured, when the source knows better than that it was now.
    pub at: Option<Timestamp>,
}

/// A source that could not be read.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct SourceError(String);

impl SourceError {
    fn of(error: impl fmt::Display) -> Self {
        SourceError(error.to_string())
    }
}

/// A read that is under way.
pub type Read<'a> = Pin<Box<dyn Future<Output = Result<Vec<Reading>, SourceError>> + 'a>>;

/// Something that measures the CPU time of long-running jobs.
pub trait CpuSource: Send {
    /// Its name, for people.
    fn name(&self) -> &'static str;

    /// Whether it knows the job's container by its name. Any other may measure what is not the job, and is checked by the agents' own
    /// figures.
    fn knows_the_container(&self) -> bool {
        false
    }

    /// Reads all of `jobs` in a number of requests that does not grow with theirs. A job that cannot be measured now, or not for
    /// certain, is left out: what is missing is not zero.
    fn read<'a>(&'a mut self, jobs: &'a [RunningJob]) -> Read<'a>;
}
