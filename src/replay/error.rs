//! Why the past cannot be computed again.

use crate::events::envelope::Seq;
use crate::events::upcast::UpcastError;
use crate::qos::ids::JobId;
use crate::qos::job::{RecomputeError, Rejection};
use crate::qos::units::Cpus;

/// Why the past cannot be computed again. Never a difference: that is a finding.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ReplayError {
    /// An event cannot be understood.
    #[error(transparent)]
    Upcast(#[from] UpcastError),
    /// An event's data is not what its kind promises.
    #[error("event {seq}: {reason}")]
    Malformed {
        /// The event.
        seq: Seq,
        /// Why.
        reason: String,
    },
    /// The first event of a job is no registration.
    #[error("job {job} has no registration in this log: the export must begin with the job's first event")]
    NoRegistration {
        /// The job.
        job: JobId,
    },
    /// Nothing to run again.
    #[error("job {job}: {reason}")]
    Nothing {
        /// The job.
        job: JobId,
        /// What is missing.
        reason: &'static str,
    },
    /// A version that this program does not know.
    #[error("job {job}: {error}")]
    Version {
        /// The job.
        job: JobId,
        /// Which one.
        error: RecomputeError,
    },
    /// The rules refuse what the replay asks of them.
    #[error("job {job}, {seconds:.0} s after its registration: {rejection}")]
    Refused {
        /// The job.
        job: JobId,
        /// When.
        seconds: f64,
        /// Why.
        rejection: Rejection,
    },
    /// More than can be computed.
    #[error("{what} are more than the {most} that one replay runs through: ask for fewer jobs")]
    TooMuch {
        /// What and how many.
        what: String,
        /// The bound.
        most: u64,
    },
    /// A long-running job that would not end for so long that its run is given up.
    #[error(
        "job {job} is given up after {looks} looks: with {cpus} CPU it would have done {:.2} % of its work by then. Ask for more CPU",
        done * 100.0
    )]
    TooSlow {
        /// The job.
        job: JobId,
        /// The CPU that it had last.
        cpus: Cpus,
        /// How many looks at it there were.
        looks: u64,
        /// The share of its work that was done.
        done: f64,
    },
    /// A task asks for more than any node has.
    #[error("job {job} asks for {cpus} CPU, and no node has more than {node}")]
    NoNode {
        /// The job.
        job: JobId,
        /// What it asks for.
        cpus: String,
        /// What a node has.
        node: String,
    },
}
