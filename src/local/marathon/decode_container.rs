//! Reads the container of a posted app. Network and port mappings have an old place (up to 1.4) and a new one.

use serde_json::{Map, Value};

use super::container::{Container, Docker, Engine, Network, PortDefinition, PortMapping, Volume};
use super::fields::{Fields, Problems, boolean, list, object, one_of, port, string};
use super::version::MarathonVersion;

/// A container as posted.
#[derive(Debug, Clone, PartialEq)]
pub struct Posted {
    pub container: Container,
    /// `docker.network`
    pub docker_network: Option<DockerNetwork>,
}

/// `docker.network`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DockerNetwork {
    Host,
    Bridge,
    User,
}

const DOCKER_NETWORKS: &[(&str, DockerNetwork)] =
    &[("HOST", DockerNetwork::Host), ("BRIDGE", DockerNetwork::Bridge), ("USER", DockerNetwork::User)];
const ENGINES: &[(&str, Engine)] = &[("DOCKER", Engine::Docker), ("MESOS", Engine::Mesos)];
const MODES: &[(&str, bool)] = &[("RO", true), ("RW", false)];
const PROTOCOLS: &[(&str, &str)] = &[("tcp", "tcp"), ("udp", "udp"), ("udp,tcp", "udp,tcp")];
const NETWORK_MODES: &[(&str, Network)] =
    &[("host", Network::Host), ("container/bridge", Network::Bridge), ("container", Network::Named(None))];

/// `container`
pub fn container(version: MarathonVersion) -> impl Fn(&Value, &str, &mut Problems) -> Option<Posted> {
    move |value, path, problems| {
        let mut fields = Fields::of(value, path, problems)?;
        let engine = fields.read("type", one_of(ENGINES));
        let new_mappings = fields.read("portMappings", list(port_mapping)).filter(|_| version.since_1_5());
        let volumes = fields.read("volumes", list(volume)).unwrap_or_default();
        let docker = fields.read("docker", docker);
        let (docker, network, old_mappings) = match docker {
            Some((docker, network, mappings)) => (Some(docker), network, mappings),
            None => (None, None, None),
        };
        let both = |mappings: &Option<Vec<PortMapping>>| mappings.as_ref().is_some_and(|list| !list.is_empty());
        if both(&new_mappings) && both(&old_mappings) {
            fields.wrong("cannot specify both portMappings and docker.portMappings");
        }
        let port_mappings = new_mappings.filter(|list| !list.is_empty()).or(old_mappings).unwrap_or_default();
        // With an image and no word about it, it is Docker's in the old forms.
        let engine = engine.unwrap_or(if docker.is_some() { Engine::Docker } else { Engine::Mesos });
        Some(Posted { container: Container { engine, docker, volumes, port_mappings }, docker_network: network })
    }
}

type PostedDocker = (Docker, Option<DockerNetwork>, Option<Vec<PortMapping>>);

fn docker(value: &Value, path: &str, problems: &mut Problems) -> Option<PostedDocker> {
    let mut fields = Fields::of(value, path, problems)?;
    let docker = Docker {
        image: fields.required("image", string).unwrap_or_default(),
        force_pull_image: fields.read("forcePullImage", boolean).unwrap_or(false),
        privileged: fields.read("privileged", boolean).unwrap_or(false),
        parameters: fields.read("parameters", list(parameter)).unwrap_or_default(),
        credential: fields.read("credential", object).map(Value::Object),
        pull_config: fields.read("pullConfig", object).map(Value::Object),
    };
    let network = fields.read("network", one_of(DOCKER_NETWORKS));
    let mappings = fields.read("portMappings", list(port_mapping));
    Some((docker, network, mappings))
}

fn parameter(value: &Value, path: &str, problems: &mut Problems) -> Option<(String, String)> {
    let mut fields = Fields::of(value, path, problems)?;
    let key = fields.required("key", string);
    Some((key?, fields.required("value", string)?))
}

fn volume(value: &Value, path: &str, problems: &mut Problems) -> Option<Volume> {
    let mut fields = Fields::of(value, path, problems)?;
    for kind in ["persistent", "external", "secret"] {
        if fields.has(kind) {
            fields.wrong(&format!("mesos-qos local has no {kind} volumes: give a hostPath"));
        }
    }
    Some(Volume {
        container_path: fields.required("containerPath", string).unwrap_or_default(),
        host_path: fields.required("hostPath", string).unwrap_or_default(),
        read_only: fields.required("mode", one_of(MODES)).unwrap_or_default(),
    })
}

fn port_mapping(value: &Value, path: &str, problems: &mut Problems) -> Option<PortMapping> {
    let mut fields = Fields::of(value, path, problems)?;
    Some(PortMapping {
        container_port: fields.read("containerPort", port).unwrap_or(0),
        host_port: fields.read("hostPort", port),
        service_port: fields.read("servicePort", port).unwrap_or(0),
        protocol: fields.read("protocol", one_of(PROTOCOLS)).unwrap_or("tcp").to_owned(),
        name: fields.read("name", string),
        labels: fields.read("labels", object).unwrap_or_default(),
    })
}

/// An element of `portDefinitions`.
pub fn port_definition(value: &Value, path: &str, problems: &mut Problems) -> Option<PortDefinition> {
    let mut fields = Fields::of(value, path, problems)?;
    Some(PortDefinition {
        port: fields.read("port", port).unwrap_or(0),
        protocol: fields.read("protocol", one_of(PROTOCOLS)).unwrap_or("tcp").to_owned(),
        name: fields.read("name", string),
        labels: fields.read("labels", object).unwrap_or_default(),
    })
}

/// An element of `ports`.
pub fn plain_port(value: &Value, path: &str, problems: &mut Problems) -> Option<PortDefinition> {
    let port = port(value, path, problems)?;
    Some(PortDefinition { port, protocol: "tcp".into(), name: None, labels: Map::new() })
}

/// An element of `networks` (1.5).
pub fn network(value: &Value, path: &str, problems: &mut Problems) -> Option<Network> {
    let mut fields = Fields::of(value, path, problems)?;
    let words = |value: &Value, path: &str, problems: &mut Problems| {
        let text = string(value, path, problems)?;
        let found = NETWORK_MODES.iter().find(|(word, _)| *word == text).map(|(_, network)| network.clone());
        if found.is_none() {
            problems.add(path, format!("'{text}' is none of host, container, container/bridge"));
        }
        found
    };
    let mode = fields.read("mode", words).unwrap_or(Network::Named(None));
    let name = fields.read("name", string);
    match mode {
        Network::Named(_) if name.is_none() => {
            fields.wrong("container network must specify a name");
            None
        }
        Network::Named(_) => Some(Network::Named(name)),
        other => Some(other),
    }
}
