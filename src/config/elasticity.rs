//! `[elasticity]`: when and how far a job's CPU is changed.

use reqwest::Url;
use serde::Serialize;

use super::choice::{Choice, choice};
use super::controllers::ControllerSettings;
use super::predictive::PredictiveSettings;
use super::reader::Reader;
use super::render;
use crate::qos::policy::PolicyName;
use crate::qos::units::{Cpus, Span};

/// How the new CPU of a job is chosen: every policy by its name.
impl Choice for PolicyName {
    const ALL: &'static [(&'static str, Self)] = &[
        ("predictive", PolicyName::Predictive),
        ("step", PolicyName::Step),
        ("proportional", PolicyName::Proportional),
        ("pid", PolicyName::Pid),
        ("fixed", PolicyName::Fixed),
    ];
}

choice! {
    /// What is sacrificed when the cluster cannot serve all jobs.
    Arbitration {
        /// As many jobs on time as possible.
        MostOnTime = "most_on_time",
        /// The least lateness over all jobs.
        LeastLateness = "least_lateness",
        /// As `most_on_time`, and where all jobs keep their nodes it is planned who shares one.
        ByNode = "by_node",
    }
}

choice! {
    /// How a job gets its new CPU.
    RescaleMode {
        /// With its next start.
        Restart = "restart",
        /// While it runs, where the agent can do that.
        InPlace = "in-place",
    }
}

/// Each decision looks at every size.
const MOST_SIZES: u32 = 500;

/// Larger clusters are shared in parts, by several supervisors.
const MOST_NODES: u32 = 100_000;

/// `[elasticity]`
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ElasticitySettings {
    /// How the new CPU of a job is chosen.
    pub policy: PolicyName,
    /// The most CPU that one job gets.
    #[serde(serialize_with = "render::cpus")]
    pub cpu_max_slave: Cpus,
    /// The least CPU that one job gets.
    #[serde(serialize_with = "render::cpus")]
    pub cpu_min_slave: Cpus,
    /// One step up.
    #[serde(serialize_with = "render::cpus")]
    pub cpu_increment: Cpus,
    /// One step down.
    #[serde(serialize_with = "render::cpus")]
    pub cpu_decrement: Cpus,
    /// Pause between a report and the next start.
    #[serde(serialize_with = "render::seconds")]
    pub sleeping_time: Span,
    /// Expected time from a start to the first instruction of the job.
    #[serde(serialize_with = "render::seconds")]
    pub deployment_time: Span,
    /// Time between two looks at a Marathon job.
    #[serde(serialize_with = "render::seconds")]
    pub monitoring_period: Span,
    /// Clock ticks a second in which kernels report CPU time.
    pub ticks_per_second: u32,
    /// CPUs of the whole cluster, when known.
    #[serde(serialize_with = "render::optional_cpus", skip_serializing_if = "Option::is_none")]
    pub cluster_cpus: Option<Cpus>,
    /// The Mesos master, which is asked how large the cluster is when `cluster_cpus` is absent.
    #[serde(serialize_with = "render::url", skip_serializing_if = "Option::is_none")]
    pub mesos_master: Option<Url>,
    /// CPUs of the largest node, when known.
    #[serde(serialize_with = "render::optional_cpus", skip_serializing_if = "Option::is_none")]
    pub node_cpus: Option<Cpus>,
    /// What is sacrificed when the cluster cannot serve all jobs.
    pub arbitration: Arbitration,
    /// How a job gets its new CPU.
    pub rescale: RescaleMode,
    /// The most resizes of one job; absent means no bound.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_rescales: Option<u32>,
    /// Decide and record, change nothing.
    pub dry_run: bool,
    /// Parameters of the policy `predictive`.
    #[serde(flatten)]
    pub predictive: PredictiveSettings,
    /// Parameters of the policies `proportional` and `pid`.
    #[serde(flatten)]
    pub controllers: ControllerSettings,
}

impl ElasticitySettings {
    pub(super) fn read(reader: &mut Reader) -> Self {
        let mut s = reader.section("elasticity");
        ElasticitySettings {
            policy: s.choice("policy", PolicyName::Predictive),
            cpu_max_slave: s.cpus("cpu_max_slave", Cpus::from_milli(2000)),
            cpu_min_slave: s.cpus("cpu_min_slave", Cpus::from_milli(100)),
            cpu_increment: s.cpus("cpu_increment", Cpus::from_milli(400)),
            cpu_decrement: s.cpus("cpu_decrement", Cpus::from_milli(400)),
            sleeping_time: s.span("sleeping_time", 0.0, 0.0..=86_400.0),
            deployment_time: s.span("deployment_time", 45.0, 0.0..=86_400.0),
            monitoring_period: s.span("monitoring_period", 120.0, 0.1..=86_400.0),
            ticks_per_second: s.whole("ticks_per_second", 100, 1..=1_000_000_000),
            cluster_cpus: s.optional_cpus("cluster_cpus"),
            mesos_master: s.optional_url("mesos_master"),
            node_cpus: s.optional_cpus("node_cpus"),
            arbitration: s.choice("arbitration", Arbitration::MostOnTime),
            rescale: s.choice("rescale", RescaleMode::Restart),
            max_rescales: s.optional_whole("max_rescales", 0..=1_000_000),
            dry_run: s.boolean("dry_run", false),
            predictive: PredictiveSettings::read(&mut s),
            controllers: ControllerSettings::read(&mut s),
        }
    }

    pub(super) fn check(&self, reader: &mut Reader) {
        const SECTION: &str = "elasticity";
        if self.cpu_min_slave > self.cpu_max_slave {
            let expected = format!("must not be above {SECTION}.cpu_max_slave = {}", self.cpu_max_slave);
            reader.conflict(SECTION, "cpu_min_slave", self.cpu_min_slave, expected);
        }
        if let Some(node) = self.node_cpus.filter(|node| self.cpu_max_slave > *node) {
            let expected = format!("must not be above {SECTION}.node_cpus = {node}: no node could offer it");
            reader.conflict(SECTION, "cpu_max_slave", self.cpu_max_slave, expected);
        }
        let (name, node) = match self.node_cpus {
            Some(node) => ("node_cpus", node),
            None => ("cpu_max_slave", self.cpu_max_slave),
        };
        if let Some(cluster) = self.cluster_cpus {
            let expected = format!("must not be below {SECTION}.{name} = {node}");
            if node > cluster {
                reader.conflict(SECTION, "cluster_cpus", cluster, expected);
            } else if cluster.milli() / node.milli().max(1) > MOST_NODES {
                let expected = format!("with {SECTION}.{name} = {node} that is more than {MOST_NODES} nodes");
                reader.conflict(SECTION, "cluster_cpus", cluster, expected);
            }
        }
        let range = self.cpu_max_slave.saturating_sub(self.cpu_min_slave).milli();
        if range / self.predictive.cpu_grid.milli().max(1) > MOST_SIZES {
            let expected = format!("makes more than {MOST_SIZES} sizes between cpu_min_slave and cpu_max_slave");
            reader.conflict(SECTION, "predictive_grid", self.predictive.cpu_grid, expected);
        }
    }
}
