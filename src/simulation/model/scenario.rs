//! Every number of the model that can be chosen.

use serde::Serialize;

use crate::published::{CPUS_PER_NODE, Case, NODES};
use crate::qos::ids::Framework;
use crate::qos::units::Cpus;
use crate::simulation::cluster::Placement;

/// What keeps a container to its CPU.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Limits {
    /// CFS quota: it never gets more than its own.
    Hard,
    /// Docker shares: those that run on a node divide all of it in proportion to their own.
    Soft,
}

/// When a long-running job is looked at first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum FirstLook {
    /// At a random phase of the period, as one clock for all jobs makes it.
    Random,
    /// One period after its start, as this supervisor does.
    Period,
}

/// The cluster, its jobs and their luck.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Scenario {
    /// Which published experiment.
    pub case: Case,
    /// Nodes of the cluster.
    pub nodes: u32,
    /// CPUs of each.
    #[serde(serialize_with = "as_cpus")]
    pub node_cpus: Cpus,
    /// What keeps a container to its CPU.
    pub limits: Limits,
    /// Which of the nodes with room takes a container.
    pub placement: Placement,
    /// Shortest and longest time from one iteration's end to the next one's begin, s.
    pub gap_s: (f64, f64),
    /// The same where the next iteration runs in the same task; absent: every iteration is a task of its own.
    pub chain_gap_s: Option<(f64, f64)>,
    /// A chain's task stays on its node, as its supervisor tells it to go on. Otherwise each iteration of a chain gives its node back and
    /// is placed anew without cost: the reference's simplification.
    pub tasks_stay: bool,
    /// A running task gets its new CPU without a restart.
    pub in_place: bool,
    /// What a task has reserved stays reserved while an agent changes what it may use, as with Mesos; else that is given back at once.
    pub reservations_stay: bool,
    /// Jobs register within this time, s.
    pub registration_s: f64,
    /// In place of the published deadline, s.
    pub deadline_s: Option<f64>,
    /// In place of the published `desv_deadline`.
    pub deviation: Option<f64>,
    /// CPUs that the jobs are submitted with.
    #[serde(serialize_with = "as_cpus")]
    pub submitted: Cpus,
    /// What is declared as duration, in parts of what was published.
    pub duration_factor: f64,
    /// Standard deviation of the logarithm of an iteration's time, or of a segment's speed.
    pub noise: f64,
    /// Share of iterations that are stragglers.
    pub stragglers: f64,
    /// A straggler takes so many times as long: the least and the most.
    pub straggler_factor: (f64, f64),
    /// By what part the share that CPUs can divide is larger than the published columns say.
    pub amdahl_error: f64,
    /// CPU-seconds that the long-running job needs and declares, in place of the published.
    pub work_s: Option<f64>,
    /// Shortest and longest time that a long-running job stands still for a restart, s.
    pub restart_s: (f64, f64),
    /// When the long-running job is looked at first.
    pub first_look: FirstLook,
}

/// Published deployments: 30 to 45 s.
pub const GAP: (f64, f64) = (30.0, 45.0);
/// Between two iterations in one task, s.
pub const CHAIN_GAP: (f64, f64) = (0.5, 1.0);
/// Part of a gap that is before the request for a node; the rest holds the reservation.
pub const BEFORE_REQUEST: f64 = 0.4;

/// A number that no cluster or job can have.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{option}: {problem}")]
pub struct ScenarioError {
    /// The option of the command.
    pub option: &'static str,
    /// What is wrong and what would be right.
    pub problem: String,
}

fn as_cpus<S: serde::Serializer>(cpus: &Cpus, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(cpus.as_f64())
}

impl Scenario {
    /// The published cluster, with hard limits.
    pub fn published(case: Case) -> Self {
        Scenario {
            case,
            nodes: NODES,
            node_cpus: Cpus::from_milli(CPUS_PER_NODE * 1000),
            limits: Limits::Hard,
            placement: Placement::Random,
            gap_s: GAP,
            chain_gap_s: None,
            tasks_stay: false,
            in_place: false,
            reservations_stay: false,
            registration_s: 30.0,
            deadline_s: None,
            deviation: None,
            submitted: Cpus::from_milli(1000),
            duration_factor: 1.0,
            noise: 0.03,
            stragglers: 0.04,
            straggler_factor: (1.2, 1.6),
            amdahl_error: 0.0,
            work_s: None,
            restart_s: (10.0, 25.0),
            first_look: FirstLook::Random,
        }
    }

    /// Whether jobs are chained in the way of production.
    pub fn chains(&self) -> bool {
        self.chain_gap_s.is_some() && self.tasks_stay && self.case.framework() == Framework::Chronos
    }

    /// Checks what no type keeps out.
    ///
    /// # Errors
    /// Names the first option that cannot be.
    pub fn check(&self) -> Result<(), ScenarioError> {
        let range = |option, (low, high): (f64, f64), least: f64| {
            let problem = || format!("{low}-{high} is no range of numbers from {least} to 1e6, the smaller first");
            if low >= least && low <= high && high <= 1e6 {
                Ok(())
            } else {
                Err(ScenarioError { option, problem: problem() })
            }
        };
        let number = |option, value: f64, least: f64, most: f64| {
            let problem = || format!("{value} is not a number from {least} to {most}");
            if value >= least && value <= most { Ok(()) } else { Err(ScenarioError { option, problem: problem() }) }
        };
        range("--gap", self.gap_s, 0.0)?;
        range("--straggler-factor", self.straggler_factor, 0.1)?;
        range("--chain-gap", self.chain_gap_s.unwrap_or_default(), 0.0)?;
        range("--downtime", self.restart_s, 0.0)?;
        number("--registration", self.registration_s, 0.0, 1e6)?;
        number("--nodes", f64::from(self.nodes), 1.0, 100_000.0)?;
        number("--noise", self.noise, 0.0, 2.0)?;
        number("--stragglers", self.stragglers, 0.0, 1.0)?;
        number("--amdahl-error", self.amdahl_error, -1.0, 10.0)?;
        number("--duration-factor", self.duration_factor, 0.001, 1000.0)?;
        number("--deviation", self.deviation.unwrap_or(0.0), 0.0, 0.999_999)?;
        number("--deadline", self.deadline_s.unwrap_or(1.0), 1.0, 1e9)?;
        number("--work", self.work_s.unwrap_or(1.0), 1.0, 1e9)?;
        number("--node-cpus", self.node_cpus.as_f64(), 0.001, Cpus::MAX.as_f64())?;
        if self.submitted > self.node_cpus || self.submitted.milli() == 0 {
            let problem = format!("{}: more than 0, and no more than a node has: {}", self.submitted, self.node_cpus);
            return Err(ScenarioError { option: "--cpus", problem });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_cluster_can_have_is_refused_by_its_name() {
        let published = Scenario::published(Case::One);
        assert_eq!(published.check(), Ok(()));
        let option = |change: fn(&mut Scenario)| {
            let mut scenario = Scenario::published(Case::One);
            change(&mut scenario);
            scenario.check().map_err(|error| error.option)
        };
        assert_eq!(option(|s| s.gap_s = (45.0, 30.0)), Err("--gap"));
        assert_eq!(option(|s| s.noise = f64::NAN), Err("--noise"));
        assert_eq!(option(|s| s.submitted = Cpus::from_milli(2001)), Err("--cpus"));
        assert_eq!(option(|s| s.deadline_s = Some(0.0)), Err("--deadline"));
    }
}
