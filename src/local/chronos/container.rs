//! The container of a job, held in the form in which its version returns it.

use serde_json::{Map, Value, json};

use super::jackson::{boolean, elements, long, text};
use super::version::ChronosVersion;
use crate::local::executor::ContainerSpec;

/// A container description, normalised.
#[derive(Debug, Clone, PartialEq)]
pub struct Container(Map<String, Value>);

impl Container {
    /// Reads the `container` of a job; `None` where the version ignores it.
    ///
    /// # Errors
    /// Where the original fails on it: a missing image (2.4), an unknown network mode, volume mode, type or protocol.
    pub fn decode(node: &Value, version: ChronosVersion) -> Result<Option<Container>, String> {
        match (node.get("image"), version) {
            (None, ChronosVersion::V3_0) => Ok(None),
            (None, ChronosVersion::V2_4) => Err("a container needs an image".into()),
            (Some(image), ChronosVersion::V2_4) => decode_2(node, image).map(Some),
            (Some(image), ChronosVersion::V3_0) => decode_3(node, image).map(Some),
        }
    }

    /// As returned.
    pub fn to_json(&self) -> Value {
        Value::Object(self.0.clone())
    }

    /// What an executor needs of it.
    pub fn spec(&self) -> ContainerSpec {
        let field = |node: &Value, key: &str| node.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let pairs = |key: &str| elements(self.0.get(key)).iter();
        ContainerSpec {
            image: self.0.get("image").and_then(Value::as_str).unwrap_or_default().to_owned(),
            network: self.0.get("network").and_then(Value::as_str).map(ToOwned::to_owned),
            volumes: pairs("volumes")
                .map(|v| (field(v, "hostPath"), field(v, "containerPath"), field(v, "mode") == "RO"))
                .collect(),
            parameters: pairs("parameters").map(|p| (field(p, "key"), field(p, "value"))).collect(),
        }
    }
}

fn decode_2(node: &Value, image: &Value) -> Result<Container, String> {
    let network = network(node, &["BRIDGE", "HOST"])?;
    let volumes = elements(node.get("volumes")).iter().map(volume).collect::<Result<Vec<_>, _>>()?;
    object(json!({"type": "docker", "image": text(image), "network": network, "volumes": volumes,
        "forcePullImage": force_pull(node)}))
}

fn decode_3(node: &Value, image: &Value) -> Result<Container, String> {
    let kind = node.get("type").map_or("DOCKER".into(), |kind| text(kind).to_uppercase());
    let kind = one_of("type", kind, &["DOCKER", "MESOS"])?;
    let mut container = Map::new();
    container.insert("type".into(), kind.into());
    container.insert("image".into(), text(image).into());
    container.insert("network".into(), network(node, &["BRIDGE", "HOST", "USER"])?.into());
    if let Some(name) = node.get("networkName") {
        container.insert("networkName".into(), text(name).into());
    }
    let infos = elements(node.get("networkInfos")).iter().map(network_info).collect::<Result<Vec<_>, _>>()?;
    container.insert("networkInfos".into(), infos.into());
    let volumes = elements(node.get("volumes")).iter().map(volume_3).collect::<Result<Vec<_>, _>>()?;
    container.insert("volumes".into(), volumes.into());
    container.insert("forcePullImage".into(), force_pull(node).into());
    container.insert("parameters".into(), pairs(node.get("parameters"))?);
    Ok(Container(container))
}

fn object(value: Value) -> Result<Container, String> {
    match value {
        Value::Object(map) => Ok(Container(map)),
        other => Err(format!("a container is an object, not {other}")),
    }
}

fn one_of(field: &str, value: String, allowed: &[&str]) -> Result<String, String> {
    if allowed.contains(&value.as_str()) {
        Ok(value)
    } else {
        Err(format!("{field} {value:?} is none of {}", allowed.join(", ")))
    }
}

/// The network mode is case-sensitive, unlike the others.
fn network(node: &Value, allowed: &[&str]) -> Result<String, String> {
    one_of("network", node.get("network").map_or("HOST".into(), text), allowed)
}

fn force_pull(node: &Value) -> bool {
    node.get("forcePullImage").is_some_and(|pull| text(pull).eq_ignore_ascii_case("true"))
}

fn volume(node: &Value) -> Result<Value, String> {
    let mut volume = Map::new();
    if let Some(path) = node.get("hostPath") {
        volume.insert("hostPath".into(), text(path).into());
    }
    volume.insert("containerPath".into(), required(node, "containerPath")?.into());
    if let Some(mode) = node.get("mode") {
        volume.insert("mode".into(), one_of("mode", text(mode).to_uppercase(), &["RW", "RO"])?.into());
    }
    Ok(Value::Object(volume))
}

fn volume_3(node: &Value) -> Result<Value, String> {
    let mut volume = volume(node)?;
    if let (Some(external), Value::Object(fields)) = (node.get("external"), &mut volume) {
        let options = pairs(external.get("options"))?;
        let external = json!({"name": required(external, "name")?, "provider": required(external, "provider")?,
            "options": options});
        fields.insert("external".into(), external);
    }
    Ok(volume)
}

fn network_info(node: &Value) -> Result<Value, String> {
    let mut info = Map::new();
    info.insert("name".into(), required(node, "name")?.into());
    if let Some(protocol) = node.get("protocol") {
        info.insert("protocol".into(), one_of("protocol", text(protocol), &["IPv4", "IPv6"])?.into());
    }
    info.insert("labels".into(), pairs(node.get("labels"))?);
    let mappings = elements(node.get("portMappings")).iter().map(port_mapping).collect::<Result<Vec<_>, _>>()?;
    info.insert("portMappings".into(), mappings.into());
    Ok(Value::Object(info))
}

/// Ports are read as numbers and returned as text.
fn port_mapping(node: &Value) -> Result<Value, String> {
    let port = |key: &str| {
        node.get(key).map(|port| long(port).to_string()).ok_or_else(|| format!("a port mapping needs a {key}"))
    };
    let mut mapping = Map::new();
    mapping.insert("hostPort".into(), port("hostPort")?.into());
    mapping.insert("containerPort".into(), port("containerPort")?.into());
    if let Some(protocol) = node.get("protocol") {
        mapping.insert("protocol".into(), text(protocol).into());
    }
    Ok(Value::Object(mapping))
}

/// `[{"key", "value"}]`.
fn pairs(node: Option<&Value>) -> Result<Value, String> {
    elements(node)
        .iter()
        .map(|pair| Ok(json!({"key": required(pair, "key")?, "value": required(pair, "value")?})))
        .collect()
}

fn required(node: &Value, key: &str) -> Result<String, String> {
    node.get(key).map(text).ok_or_else(|| format!("{key} is missing"))
}

/// Reads a lenient boolean field that may be absent.
pub(super) fn flag(node: &Value, key: &str, default: bool) -> bool {
    node.get(key).map_or(default, boolean)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ChronosVersion::{V2_4, V3_0};

    fn decode(value: Value, version: ChronosVersion) -> Result<Option<Value>, String> {
        Container::decode(&value, version).map(|c| c.map(|c| c.to_json()))
    }

    #[test]
    fn version_2_knows_docker_only_and_drops_parameters() {
        let sent = json!({"type": "MESOS", "image": "debian", "network": "BRIDGE", "parameters": [{"key": "a", "value": "b"}],
            "volumes": [{"hostPath": "/a", "containerPath": "/b", "mode": "ro"}], "forcePullImage": "TRUE"});
        let back = json!({"type": "docker", "image": "debian", "network": "BRIDGE",
            "volumes": [{"hostPath": "/a", "containerPath": "/b", "mode": "RO"}], "forcePullImage": true});
        assert_eq!(decode(sent, V2_4), Ok(Some(back)));
        assert!(decode(json!({"type": "docker"}), V2_4).is_err());
        assert!(decode(json!({"image": "debian", "network": "bridge"}), V2_4).is_err());
        assert!(decode(json!({"image": "debian", "network": "USER"}), V2_4).is_err());
    }

    #[test]
    fn version_3_keeps_parameters_and_returns_ports_as_text() {
        let sent = json!({"type": "docker", "image": "debian", "parameters": [{"key": "cpu-period", "value": 5}],
            "networkInfos": [{"name": "n", "portMappings": [{"hostPort": 0, "containerPort": "80"}]}]});
        let back = json!({"type": "DOCKER", "image": "debian", "network": "HOST",
            "networkInfos": [{"name": "n", "labels": [], "portMappings": [{"hostPort": "0", "containerPort": "80"}]}],
            "volumes": [], "forcePullImage": false, "parameters": [{"key": "cpu-period", "value": "5"}]});
        assert_eq!(decode(sent, V3_0), Ok(Some(back)));
        assert_eq!(decode(json!({"type": "docker"}), V3_0), Ok(None));
    }

    #[test]
    fn the_returned_form_reads_back_the_same() {
        for version in [V2_4, V3_0] {
            let first =
                decode(json!({"image": "debian", "volumes": [{"containerPath": "/b"}]}), version).unwrap().unwrap();
            assert_eq!(decode(first.clone(), version), Ok(Some(first)));
        }
    }
}
