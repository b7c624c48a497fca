//! Why the past cannot be computed again.

use crate::events::envelope::Seq;
use crate::events::upcast::UpcastError;
use crate::qos::ids::JobId;
use crate::qos::job::{RecomputeError, Rejection};

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
