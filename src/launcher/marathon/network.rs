//! The network, in the form of Marathon 1.1 to 1.4 and in that of 1.5 and later.

use serde_json::{Map, Value};

use super::features::is_blank;
use super::ports::{PortPlan, mappings, plan, task_ports};
use super::spec::Port;
use crate::launcher::fields::Fields;

/// Network and ports, as far as they are right.
#[derive(Debug, Clone, PartialEq)]
pub struct NetworkParts {
    /// `host`, `bridge`, `none` or the name of a Docker network.
    pub name: String,
    /// The container's ports.
    pub ports: Vec<Port>,
    /// The task's ports.
    pub plan: PortPlan,
}

/// Takes network and ports out of the app and its container.
pub fn take(fields: &mut Fields<'_>) -> NetworkParts {
    let mappings = mappings(fields);
    let name = name(fields).unwrap_or_else(|| "host".into());
    if name == "host" {
        if !mappings.is_empty() {
            fields.error(
                "portMappings",
                "are for a network of the container's own; in the host's network write portDefinitions",
            );
        }
        task_ports(fields);
        return NetworkParts { name, ports: Vec::new(), plan: PortPlan::AsWritten };
    }
    for key in ["ports", "portDefinitions", "requirePorts"] {
        if fields.members.shift_remove(key).is_some_and(|value| !is_blank(&value)) {
            fields.warn(key, "is left out: the container's portMappings say its ports");
        }
    }
    if name == "none" && !mappings.is_empty() {
        fields.error("portMappings", "a container without a network has no ports: leave them out");
    }
    let (ports, plan) = plan(fields, &name, mappings);
    NetworkParts { name, ports, plan }
}

fn name(fields: &mut Fields<'_>) -> Option<String> {
    let old = docker(fields).and_then(|docker| docker.shift_remove("network"));
    let address = fields.members.shift_remove("ipAddress").filter(|value| !is_blank(value));
    let new = fields.members.shift_remove("networks").filter(|value| !is_blank(value));
    match (old, new) {
        (Some(_), Some(_)) => {
            fields.error("networks", "must not stand beside container.docker.network: keep one of the two forms");
            None
        }
        (Some(old), None) => old_name(fields, &old, address.as_ref()),
        (None, new) => {
            if address.is_some() {
                fields.error(
                    "ipAddress",
                    "is for containers of Mesos: write \"networks\": [{\"mode\": \"container\", \"name\": \"..\"}]",
                );
            }
            new.and_then(|new| new_name(fields, &new))
        }
    }
}

/// `container.docker.network`, with `ipAddress` for the name of a network.
fn old_name(fields: &mut Fields<'_>, network: &Value, address: Option<&Value>) -> Option<String> {
    let name = match network.as_str() {
        Some("HOST") => "host",
        Some("BRIDGE") => "bridge",
        Some("NONE") => "none",
        Some("USER") => {
            let address = address.and_then(Value::as_object);
            let others = address.into_iter().flatten().find(|(key, value)| *key != "networkName" && !is_blank(value));
            if let Some((key, _)) = others {
                fields.error("ipAddress", format!("{key} is not handed to Docker: leave it out"));
            }
            let name = address.and_then(|address| address.get("networkName")).and_then(Value::as_str);
            return own_network(fields, "ipAddress.networkName", name);
        }
        _ => {
            let message = format!("should be \"HOST\", \"BRIDGE\", \"USER\" or \"NONE\", found {network}");
            fields.error("container.docker.network", message);
            return None;
        }
    };
    if address.is_some() {
        fields.error("ipAddress", "goes with \"network\": \"USER\" only: leave it out");
    }
    Some(name.to_owned())
}

/// `networks`.
fn new_name(fields: &mut Fields<'_>, networks: &Value) -> Option<String> {
    let network = match networks.as_array().map(Vec::as_slice) {
        Some([network]) => network,
        Some(_) => {
            fields.error("networks", "a container is put into one network: name one");
            return None;
        }
        None => {
            fields.error("networks", "should be a list in brackets: write [{\"mode\": \"host\"}]");
            return None;
        }
    };
    if network.get("labels").is_some_and(|labels| !is_blank(labels)) {
        fields.error("networks", "labels are not handed to Docker: leave them out");
    }
    match network.get("mode").and_then(Value::as_str) {
        Some("host") => Some("host".into()),
        Some("container/bridge") => Some("bridge".into()),
        // Marathon's own default.
        Some("container") | None => {
            own_network(fields, "networks[0].name", network.get("name").and_then(Value::as_str))
        }
        Some(mode) => {
            let message = format!("mode should be \"host\", \"container/bridge\" or \"container\", found {mode:?}");
            fields.error("networks", message);
            None
        }
    }
}

/// The name of a network that somebody made in Docker.
fn own_network(fields: &mut Fields<'_>, field: &str, name: Option<&str>) -> Option<String> {
    let word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    match name {
        Some("host" | "bridge" | "none" | "default") => {
            fields.error(field, "is a word of Docker's own: write the network's mode in place of its name");
            None
        }
        Some(name) if name.starts_with(|c: char| c.is_ascii_alphanumeric()) && name.chars().all(word) => {
            Some(name.to_owned())
        }
        Some(name) => {
            fields.error(field, format!("{name:?} is no name of a Docker network"));
            None
        }
        None => {
            fields.error(field, "missing: name the Docker network, the same on all agents");
            None
        }
    }
}

/// `container.docker`.
pub fn docker<'a>(fields: &'a mut Fields<'_>) -> Option<&'a mut Map<String, Value>> {
    container(fields)?.get_mut("docker")?.as_object_mut()
}

/// `container`.
pub fn container<'a>(fields: &'a mut Fields<'_>) -> Option<&'a mut Map<String, Value>> {
    fields.members.get_mut("container")?.as_object_mut()
}
