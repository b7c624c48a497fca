//! Who decides in a simulated run.

use super::arbiter::{Arbiter, NoArbiter, Sharing};
use super::model::Scenario;
use crate::qos::arbitration::{Aim, Nodes};
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
    /// How the cluster is shared when the wishes of all jobs do not fit; none to let every job decide for itself.
    pub aim: Option<Aim>,
}

impl Candidate {
    /// Who decides over all jobs of `scenario`.
    pub fn arbiter(&self, scenario: &Scenario) -> Box<dyn Arbiter> {
        let nodes = Nodes { count: scenario.nodes, cpus: scenario.node_cpus };
        match self.aim {
            Some(aim) => Box::new(Sharing { aim, nodes }),
            None => Box::new(NoArbiter),
        }
    }
}
