//! The network of an app, from whichever form it was posted in; and its ports, which depend on it.

use serde_json::{Map, Value, json};

use super::app::App;
use super::container::{Network, PortDefinition, PortMapping};
use super::decode_container::DockerNetwork;
use super::update::Update;
use super::version::MarathonVersion;

/// Puts the container, the network and the ports of a posted app upon an app.
pub(super) fn connect(app: &mut App, update: &Update, version: MarathonVersion, was_upon_host: bool) {
    if update.ip_address.is_some() {
        app.ip_address = update.ip_address.clone().filter(|_| !version.since_1_5());
    }
    if let Some(posted) = &update.container {
        app.container = Some(posted.container.clone());
    }
    if let Some(network) = said(app, update, version) {
        app.network = network;
    }
    match app.network {
        Network::Host => {
            if let Some(container) = &mut app.container {
                // Refused where the network of the host was asked for in the same breath; else they just go.
                if update.container.is_none() || update.networks.is_none() {
                    container.port_mappings.clear();
                }
            }
            if !was_upon_host && app.port_definitions.is_empty() && update.port_definitions.is_none() {
                app.port_definitions = vec![PortDefinition::any(version)];
            }
        }
        Network::Bridge | Network::Named(_) => {
            if update.port_definitions.is_none() && update.ports.is_none() {
                app.port_definitions.clear();
            }
            map_ports(app, version);
        }
    }
}

/// The network that the body says, in either form.
fn said(app: &App, update: &Update, version: MarathonVersion) -> Option<Network> {
    if let Some(networks) = &update.networks {
        return Some(networks.first().cloned().unwrap_or(Network::Host));
    }
    let name = update.ip_address.as_ref().or(app.ip_address.as_ref()).and_then(|ip| ip.get("networkName"));
    let name = name.and_then(Value::as_str).map(ToOwned::to_owned);
    match update.container.as_ref().map(|posted| posted.docker_network) {
        Some(Some(DockerNetwork::Host)) => Some(Network::Host),
        Some(Some(DockerNetwork::Bridge)) => Some(Network::Bridge),
        Some(Some(DockerNetwork::User)) => Some(Network::Named(name)),
        // Up to 1.4 the network is a part of the container, and is replaced with it.
        Some(None) if !version.since_1_5() => Some(Network::Host),
        _ if update.ip_address.is_some() && version.since_1_5() => Some(Network::Named(name)),
        _ => None,
    }
}

/// A container with a network of its own: in 1.5 it has a port when none is said, and on a bridge each is mapped.
fn map_ports(app: &mut App, version: MarathonVersion) {
    let bridge = app.network == Network::Bridge;
    let Some(container) = &mut app.container else { return };
    if container.port_mappings.is_empty() && version.since_1_5() {
        container.port_mappings.push(PortMapping {
            container_port: 0,
            host_port: None,
            service_port: 0,
            protocol: "tcp".into(),
            name: Some("default".into()),
            labels: Map::new(),
        });
    }
    for mapping in &mut container.port_mappings {
        if bridge && mapping.host_port.is_none() {
            mapping.host_port = Some(0);
        }
    }
}

/// An entry of `uris` as one of `fetch`.
pub(super) fn artifact_of(uri: &str) -> Value {
    let packed = [".tgz", ".tar.gz", ".tbz2", ".tar.bz2", ".txz", ".tar.xz", ".zip"];
    let extract = packed.iter().any(|ending| uri.ends_with(ending));
    json!({"uri": uri, "extract": extract, "executable": false, "cache": false})
}
