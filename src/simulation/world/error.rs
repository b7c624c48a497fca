//! Why a run did not come to its end.

use crate::qos::job::Rejection;
use crate::qos::units::Cpus;

/// A run of the published cases takes some hundreds of steps; one that takes so many will never end.
pub const MOST_STEPS: u64 = 1_000_000;

/// Why a run did not come to its end.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum SimulationError {
    /// The rules do not take the job.
    #[error("{name} cannot be registered: {field}: {problem}")]
    Registration {
        /// The job.
        name: &'static str,
        /// The field.
        field: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// The rules do not take what happened: the simulator drives them wrongly.
    #[error("{name}, {seconds:.1} s: a command was refused: {rejection}")]
    Refused {
        /// The job.
        name: &'static str,
        /// Virtual time.
        seconds: f64,
        /// Why.
        rejection: Rejection,
    },
    /// Nothing is to happen, and a job is not done.
    #[error("{name} waits for {cpus} CPU, and no node has as much: nothing will ever happen again")]
    Stuck {
        /// The job.
        name: &'static str,
        /// What it waits for.
        cpus: Cpus,
    },
    /// More happens than can be true.
    #[error("the run does not end: {MOST_STEPS} steps, {seconds:.0} s of virtual time")]
    Endless {
        /// Virtual time.
        seconds: f64,
    },
}
