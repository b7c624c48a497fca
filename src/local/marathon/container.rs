//! The container of an app, its networks and its ports.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// How an app is connected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Network {
    /// In the network of its node.
    Host,
    /// On a bridge of its node.
    Bridge,
    /// In a network of this name; some forms name none.
    Named(Option<String>),
}

/// What runs the container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Engine {
    /// Docker.
    #[serde(rename = "DOCKER")]
    Docker,
    /// The Mesos containerizer.
    #[serde(rename = "MESOS")]
    Mesos,
}

impl Engine {
    /// As in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Engine::Docker => "DOCKER",
            Engine::Mesos => "MESOS",
        }
    }
}

/// A container description.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Container {
    /// `type`
    pub engine: Engine,
    /// `docker`
    pub docker: Option<Docker>,
    /// `volumes`
    pub volumes: Vec<Volume>,
    /// `portMappings`, wherever the version has them.
    pub port_mappings: Vec<PortMapping>,
}

/// The image and how it is run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names are those of the JSON keys")]
pub struct Docker {
    pub image: String,
    pub force_pull_image: bool,
    pub privileged: bool,
    /// Key and value of further `docker run` options.
    pub parameters: Vec<(String, String)>,
    /// Kept and shown.
    pub credential: Option<Value>,
    /// Kept and shown.
    pub pull_config: Option<Value>,
}

/// A directory of the node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names are those of the JSON keys")]
pub struct Volume {
    pub container_path: String,
    pub host_path: String,
    pub read_only: bool,
}

/// A port of the container on the node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names are those of the JSON keys")]
pub struct PortMapping {
    pub container_port: u16,
    /// `Some(0)` is any; `None` is not mapped.
    pub host_port: Option<u16>,
    pub service_port: u16,
    pub protocol: String,
    pub name: Option<String>,
    pub labels: Map<String, Value>,
}

/// A port of the node that a task is given.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names are those of the JSON keys")]
pub struct PortDefinition {
    /// The service port; with `requirePorts` the host port too. 0 becomes one that is assigned.
    pub port: u16,
    pub protocol: String,
    pub name: Option<String>,
    pub labels: Map<String, Value>,
}
