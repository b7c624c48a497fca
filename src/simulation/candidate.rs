//! Who decides in a simulated run.

use crate::qos::job::registration::Defaults;
use crate::qos::units::Cpus;

/// A policy with its parameters, as a configuration gives them.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// What it is called in tables.
    pub name: String,
    /// What registrations take from the configuration.
    pub defaults: Defaults,
    /// CPUs that the jobs are submitted with, in place of the scenario's.
    pub submitted: Option<Cpus>,
}
