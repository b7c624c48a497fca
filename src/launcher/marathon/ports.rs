//! The ports.
//!
//! The container is not Marathon's any more, so its ports are asked for as those of a task in the host's network; the n-th
//! port of the container gets the n-th port of the task.

use serde_json::{Map, Value, json};

use super::features::is_blank;
use super::network::{container, docker};
use super::spec::Port;
use crate::launcher::fields::Fields;

/// What Marathon is asked for as to ports.
#[derive(Debug, Clone, PartialEq)]
pub enum PortPlan {
    /// What the author wrote: the program is in the host's network.
    AsWritten,
    /// One for each port of the container.
    Definitions {
        /// `portDefinitions`.
        list: Vec<Value>,
        /// Whether they are these very ports of the agent.
        fixed: bool,
    },
}

/// One port of the container, as written.
#[derive(Debug, Clone, Default)]
pub struct Mapping {
    container: u16,
    host: Option<u16>,
    service: u16,
    protocol: String,
    rest: Map<String, Value>,
}

/// Takes them out of the container, in either form.
pub fn mappings(fields: &mut Fields<'_>) -> Vec<Mapping> {
    let old = docker(fields).and_then(|docker| docker.shift_remove("portMappings")).filter(|value| !is_blank(value));
    let new = container(fields).and_then(|one| one.shift_remove("portMappings")).filter(|value| !is_blank(value));
    let (prefix, list) = match (old, new) {
        (Some(_), Some(_)) => {
            fields.error("container.portMappings", "must not stand beside container.docker.portMappings");
            return Vec::new();
        }
        (Some(old), None) => ("container.docker.portMappings", old),
        (None, Some(new)) => ("container.portMappings", new),
        (None, None) => return Vec::new(),
    };
    let Value::Array(items) = list else {
        fields.error(prefix, "should be a list in brackets: write [{\"containerPort\": 80, \"hostPort\": 0}]");
        return Vec::new();
    };
    let read = |(index, item)| mapping(fields, &format!("{prefix}[{index}]."), item);
    items.into_iter().enumerate().filter_map(read).collect()
}

fn mapping(fields: &mut Fields<'_>, prefix: &str, item: Value) -> Option<Mapping> {
    const FIX: &str = "write a port";
    let Value::Object(mut item) = item else {
        fields.error(prefix.trim_end_matches('.'), "should be an object with containerPort and hostPort");
        return None;
    };
    let mut item = Fields { members: &mut item, findings: &mut *fields.findings, prefix };
    let mut port = |key: &str| item.whole(key, 0..=65_535, FIX).map(|port| port as u16);
    let (container, host, service) = (port("containerPort"), port("hostPort"), port("servicePort"));
    let protocol = item.text("protocol", "write \"tcp\" or \"udp\"").unwrap_or_else(|| "tcp".into());
    if !matches!(protocol.as_str(), "tcp" | "udp") {
        item.error("protocol", format!("should be \"tcp\" or \"udp\", found {protocol:?}: write two entries for both"));
    }
    // In Marathon, 0 stands for the port of the agent.
    let container = container.filter(|port| *port != 0).or(host.filter(|port| *port != 0));
    if container.is_none() {
        item.error("containerPort", "missing: write the port that the program listens on");
    }
    let mut rest = std::mem::take(item.members);
    rest.retain(|key, value| matches!(key.as_str(), "name" | "labels") && !is_blank(value));
    Some(Mapping { container: container?, host, service: service.unwrap_or(0), protocol, rest })
}

/// One port of the task for each port of the container, in the same order.
pub fn plan(fields: &mut Fields<'_>, network: &str, mut mappings: Vec<Mapping>) -> (Vec<Port>, PortPlan) {
    if network != "bridge" {
        // In a network of one's own, a port without hostPort is reached at the container's own address.
        mappings.retain(|mapping| mapping.host.is_some());
    }
    let fixed = mappings.iter().filter(|mapping| mapping.host.is_some_and(|port| port != 0)).count();
    if fixed != 0 && fixed != mappings.len() {
        fields.error(
            "portMappings",
            "some name a hostPort and some leave it to Marathon, which can keep to all or to none of a task's ports: \
             write hostPort 0 for all, or a port for each",
        );
    }
    let mut hosts: Vec<u16> = mappings.iter().filter_map(|mapping| mapping.host).filter(|port| *port != 0).collect();
    hosts.sort_unstable();
    if let Some(twice) = hosts.windows(2).find(|pair| pair[0] == pair[1]) {
        fields.error("portMappings", format!("hostPort {} is asked for twice", twice[0]));
    }
    let mut list = Vec::new();
    let mut ports = Vec::new();
    for mapping in mappings {
        let host = mapping.host.unwrap_or(0);
        let mut definition = Map::new();
        definition.insert("port".into(), if host != 0 { host } else { mapping.service }.into());
        definition.insert("protocol".into(), mapping.protocol.as_str().into());
        definition.extend(mapping.rest);
        list.push(Value::Object(definition));
        ports.push(Port { container: mapping.container, host, protocol: mapping.protocol });
    }
    (ports, PortPlan::Definitions { list, fixed: fixed != 0 })
}

/// `ports` and `portDefinitions` of a program in the host's network: older versions return both and take one; what is
/// submitted is the newer form.
pub fn task_ports(fields: &mut Fields<'_>) {
    const FIX: &str = "write ports, 0 for any";
    fields.boolean("requirePorts");
    let mut definitions = Vec::new();
    for index in 0..fields.list("portDefinitions", FIX).map_or(0, |list| list.len()) {
        let Some(item) = fields.members["portDefinitions"][index].as_object_mut() else {
            fields.error("portDefinitions", "should hold objects with a port");
            return;
        };
        let prefix = format!("portDefinitions[{index}].");
        let mut item = Fields { members: item, findings: &mut *fields.findings, prefix: &prefix };
        definitions.push(item.whole("port", 0..=65_535, FIX).unwrap_or(0));
    }
    let Some(items) = fields.list("ports", FIX).map(std::mem::take) else { return };
    fields.members.shift_remove("ports");
    let mut ports = Vec::new();
    for (index, item) in items.into_iter().enumerate() {
        let name = format!("ports[{index}]");
        let mut one = Map::from_iter([(name.clone(), item)]);
        let mut one = Fields { members: &mut one, findings: &mut *fields.findings, prefix: "" };
        ports.extend(one.whole(&name, 0..=65_535, FIX));
    }
    if !fields.members.contains_key("portDefinitions") || (definitions.is_empty() && !ports.is_empty()) {
        let list = ports.iter().map(|port| json!({"port": port, "protocol": "tcp"}));
        fields.members.insert("portDefinitions".into(), list.collect());
    } else if !ports.is_empty() && ports != definitions {
        fields.error("ports", "says other ports than portDefinitions: keep one of the two");
    }
}
