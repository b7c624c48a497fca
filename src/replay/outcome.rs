//! What became of a job.

use serde::Serialize;

use crate::qos::units::Cpus;

/// What became of a job, in fact or under a change.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Outcome {
    /// Whether it is over. What is recorded of a job that still runs has no finish.
    pub complete: bool,
    /// Its finish, in seconds from where its deadline counts.
    pub finish_s: Option<f64>,
    /// Whether that is inside the deadline.
    pub on_time: Option<bool>,
    /// CPU-seconds: CPUs times time, from the placement of each task to its end.
    pub cpu_seconds: f64,
    /// Changes of CPU that took effect.
    pub rescales: u32,
    /// The CPU at the end.
    #[serde(serialize_with = "as_cpus")]
    pub last_cpus: Cpus,
}

fn as_cpus<S: serde::Serializer>(cpus: &Cpus, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(cpus.as_f64())
}
