//! An app, in one form for all versions.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::container::{Container, Network, PortDefinition};
use super::version::MarathonVersion;
use crate::local::chronos::schedule::utc_text;
use crate::qos::units::{Cpus, Timestamp};

/// What a task reserves at least, CPUs: Mesos offers nothing smaller, and a task must not cost nothing.
const LEAST_CPUS: f64 = 0.01;

/// Which task is killed first when there are too many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum KillSelection {
    /// The one that was staged last.
    YoungestFirst,
    /// The one that was staged first.
    OldestFirst,
}

impl KillSelection {
    /// As in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            KillSelection::YoungestFirst => "YOUNGEST_FIRST",
            KillSelection::OldestFirst => "OLDEST_FIRST",
        }
    }
}

/// How the tasks of an app are replaced. Both are shares of the number of instances, 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct UpgradeStrategy {
    /// So many stay healthy.
    pub minimum_health_capacity: f64,
    /// So many more than wanted may run.
    pub maximum_over_capacity: f64,
}

/// An app at one of its versions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names are those of the JSON keys")]
pub struct App {
    /// Absolute.
    pub id: String,
    pub cmd: Option<String>,
    /// Empty is none.
    pub args: Vec<String>,
    pub user: Option<String>,
    pub env: BTreeMap<String, String>,
    pub instances: u32,
    pub cpus: f64,
    /// MiB.
    pub mem: f64,
    /// MiB.
    pub disk: f64,
    pub executor: String,
    pub constraints: Vec<Vec<String>>,
    pub fetch: Vec<Value>,
    pub store_urls: Vec<String>,
    pub port_definitions: Vec<PortDefinition>,
    pub require_ports: bool,
    /// Seconds.
    pub backoff_seconds: u32,
    pub backoff_factor: f64,
    /// Seconds.
    pub max_launch_delay_seconds: u32,
    pub container: Option<Container>,
    pub network: Network,
    /// Up to 1.4, as it was posted.
    pub ip_address: Option<Value>,
    pub dependencies: Vec<String>,
    pub upgrade_strategy: UpgradeStrategy,
    pub labels: BTreeMap<String, String>,
    /// Empty is all.
    pub accepted_resource_roles: Vec<String>,
    /// Seconds.
    pub kill_grace_seconds: Option<u32>,
    pub kill_selection: KillSelection,
    pub unreachable_strategy: Value,
    pub tty: Option<bool>,
    pub version: Timestamp,
    pub last_scaling_at: Timestamp,
    pub last_config_change_at: Timestamp,
}

impl App {
    /// What an app is when nothing but its id is said.
    pub fn with_defaults(id: &str, version: MarathonVersion) -> App {
        let none = Timestamp::from_micros(0);
        let unreachable = match version {
            MarathonVersion::V1_1 => Value::Null,
            MarathonVersion::V1_4 => json!({"inactiveAfterSeconds": 300, "expungeAfterSeconds": 600}),
            MarathonVersion::V1_5 => json!({"inactiveAfterSeconds": 0, "expungeAfterSeconds": 0}),
        };
        App {
            id: id.to_owned(),
            cmd: None,
            args: Vec::new(),
            user: None,
            env: BTreeMap::new(),
            instances: 1,
            cpus: 1.0,
            mem: 128.0,
            disk: 0.0,
            executor: String::new(),
            constraints: Vec::new(),
            fetch: Vec::new(),
            store_urls: Vec::new(),
            port_definitions: vec![PortDefinition::any(version)],
            require_ports: false,
            backoff_seconds: 1,
            backoff_factor: 1.15,
            max_launch_delay_seconds: 3600,
            container: None,
            network: Network::Host,
            ip_address: None,
            dependencies: Vec::new(),
            upgrade_strategy: UpgradeStrategy { minimum_health_capacity: 1.0, maximum_over_capacity: 1.0 },
            labels: BTreeMap::new(),
            accepted_resource_roles: Vec::new(),
            kill_grace_seconds: None,
            kill_selection: KillSelection::YoungestFirst,
            unreachable_strategy: unreachable,
            tty: None,
            version: none,
            last_scaling_at: none,
            last_config_change_at: none,
        }
    }

    /// What each of its tasks reserves.
    pub fn reservation(&self) -> Cpus {
        Cpus::try_from_f64(self.cpus.max(LEAST_CPUS)).unwrap_or(Cpus::MAX)
    }

    /// Whether `new` differs in more than the number of instances.
    pub fn is_upgraded_by(&self, new: &App) -> bool {
        let alike = App {
            instances: new.instances,
            version: new.version,
            last_scaling_at: new.last_scaling_at,
            last_config_change_at: new.last_config_change_at,
            ..self.clone()
        };
        alike != *new
    }

    /// The service ports of its ports, in their order.
    pub fn service_ports(&self) -> Vec<u16> {
        match self.mappings() {
            Some(mappings) => mappings.iter().map(|mapping| mapping.service_port).collect(),
            None => self.port_definitions.iter().map(|definition| definition.port).collect(),
        }
    }

    /// The host ports that a task asks for: 0 is any.
    pub fn wanted_ports(&self) -> Vec<u16> {
        match self.mappings() {
            Some(mappings) => mappings.iter().filter_map(|mapping| mapping.host_port).collect(),
            None => {
                let port = |port: u16| if self.require_ports { port } else { 0 };
                self.port_definitions.iter().map(|definition| port(definition.port)).collect()
            }
        }
    }

    /// The mappings of a container that has a network of its own.
    pub fn mappings(&self) -> Option<&[super::container::PortMapping]> {
        let container = self.container.as_ref().filter(|_| self.network != Network::Host)?;
        Some(&container.port_mappings)
    }

    /// Its version, as text.
    pub fn version_text(&self) -> String {
        utc_text(self.version)
    }
}

impl PortDefinition {
    /// One random port, the default.
    pub fn any(version: MarathonVersion) -> PortDefinition {
        let name = version.since_1_4().then(|| "default".to_owned());
        PortDefinition { port: 0, protocol: "tcp".into(), name, labels: Map::new() }
    }
}
