//! An app as each version writes it.

use serde_json::{Map, Value, json};

use super::app::App;
use super::container::{Container, Network, PortDefinition, PortMapping};
use super::version::MarathonVersion;
use crate::local::chronos::schedule::utc_text;

/// An app; without `versionInfo` where the original does not know it yet.
pub fn app(app: &App, version: MarathonVersion, with_version_info: bool) -> Map<String, Value> {
    let mut map = if version.since_1_5() { new_form(app) } else { old_form(app, version) };
    if with_version_info {
        let info = json!({"lastScalingAt": utc_text(app.last_scaling_at),
            "lastConfigChangeAt": utc_text(app.last_config_change_at)});
        map.insert("versionInfo".into(), info);
    }
    map
}

/// 1.1 and 1.4: null for what is not set, empty lists, and every list of ports and of artifacts in two forms.
fn old_form(app: &App, version: MarathonVersion) -> Map<String, Value> {
    let since_1_4 = version.since_1_4();
    let mut map = Map::new();
    let mut put = |key: &str, value: Value| {
        map.insert(key.to_owned(), value);
    };
    put("id", json!(app.id));
    put("cmd", json!(app.cmd));
    put("args", if app.args.is_empty() { Value::Null } else { json!(app.args) });
    put("user", json!(app.user));
    put("env", json!(app.env));
    put("instances", json!(app.instances));
    put("cpus", number(app.cpus));
    put("mem", number(app.mem));
    put("disk", number(app.disk));
    if since_1_4 {
        put("gpus", json!(0));
    }
    put("executor", json!(app.executor));
    put("constraints", json!(app.constraints));
    put("uris", app.fetch.iter().filter_map(|artifact| artifact.get("uri").cloned()).collect());
    put("fetch", json!(app.fetch));
    put("storeUrls", json!(app.store_urls));
    put("backoffSeconds", json!(app.backoff_seconds));
    put("backoffFactor", number(app.backoff_factor));
    put("maxLaunchDelaySeconds", json!(app.max_launch_delay_seconds));
    let container = app.container.as_ref().map(|container| old_container(container, &app.network));
    put("container", json!(container));
    put("healthChecks", json!([]));
    put("readinessChecks", json!([]));
    put("dependencies", json!(app.dependencies));
    put("upgradeStrategy", upgrade_strategy(app));
    put("labels", json!(app.labels));
    put("ipAddress", json!(app.ip_address));
    put("version", json!(app.version_text()));
    put("residency", Value::Null);
    let roles = json!(Some(&app.accepted_resource_roles).filter(|roles| !roles.is_empty()));
    if since_1_4 {
        put("secrets", json!({}));
        put("taskKillGracePeriodSeconds", json!(app.kill_grace_seconds));
        put("unreachableStrategy", app.unreachable_strategy.clone());
        put("killSelection", json!(app.kill_selection.as_str()));
    }
    if !since_1_4 || !roles.is_null() {
        put("acceptedResourceRoles", roles);
    }
    if !since_1_4 || app.ip_address.is_none() {
        put("ports", json!(app.service_ports()));
        put("portDefinitions", app.port_definitions.iter().map(|port| port_definition(port, true)).collect());
        put("requirePorts", json!(app.require_ports));
    }
    map
}

/// 1.5: what is not set is not there, and most empty lists are not either.
fn new_form(app: &App) -> Map<String, Value> {
    let mut map = Map::new();
    let mut put = |key: &str, value: Value| {
        let empty = value.is_null() || value.as_array().is_some_and(Vec::is_empty);
        if !empty {
            map.insert(key.to_owned(), value);
        }
    };
    put("id", json!(app.id));
    put("cmd", json!(app.cmd));
    put("args", json!(app.args));
    put("user", json!(app.user));
    if !app.env.is_empty() {
        put("env", json!(app.env));
    }
    put("instances", json!(app.instances));
    put("cpus", number(app.cpus));
    put("mem", number(app.mem));
    put("disk", number(app.disk));
    put("gpus", json!(0));
    put("executor", json!(app.executor));
    put("constraints", json!(app.constraints));
    put("fetch", json!(app.fetch));
    put("backoffSeconds", json!(app.backoff_seconds));
    put("backoffFactor", number(app.backoff_factor));
    put("maxLaunchDelaySeconds", json!(app.max_launch_delay_seconds));
    put("container", json!(app.container.as_ref().map(|container| new_container(container, &app.network))));
    put("dependencies", json!(app.dependencies));
    put("upgradeStrategy", upgrade_strategy(app));
    put("labels", json!(app.labels));
    put("acceptedResourceRoles", json!(app.accepted_resource_roles));
    put("taskKillGracePeriodSeconds", json!(app.kill_grace_seconds));
    put("unreachableStrategy", app.unreachable_strategy.clone());
    put("killSelection", json!(app.kill_selection.as_str()));
    put("tty", json!(app.tty));
    put("networks", json!([network(&app.network)]));
    put("requirePorts", json!(app.require_ports));
    put("version", json!(app.version_text()));
    if app.network == Network::Host {
        let definitions: Value = app.port_definitions.iter().map(|port| port_definition(port, false)).collect();
        map.insert("portDefinitions".into(), definitions);
    }
    map
}

fn upgrade_strategy(app: &App) -> Value {
    json!({"minimumHealthCapacity": number(app.upgrade_strategy.minimum_health_capacity),
        "maximumOverCapacity": number(app.upgrade_strategy.maximum_over_capacity)})
}

fn network(network: &Network) -> Value {
    match network {
        Network::Host => json!({"mode": "host"}),
        Network::Bridge => json!({"mode": "container/bridge"}),
        Network::Named(name) => json!({"mode": "container", "name": name}),
    }
}

fn port_definition(port: &PortDefinition, always_labels: bool) -> Value {
    let mut map = Map::new();
    map.insert("port".into(), json!(port.port));
    map.insert("protocol".into(), json!(port.protocol));
    if let Some(name) = &port.name {
        map.insert("name".into(), json!(name));
    }
    if always_labels || !port.labels.is_empty() {
        map.insert("labels".into(), Value::Object(port.labels.clone()));
    }
    Value::Object(map)
}

fn port_mapping(mapping: &PortMapping) -> Value {
    let mut map = Map::new();
    map.insert("containerPort".into(), json!(mapping.container_port));
    if let Some(port) = mapping.host_port {
        map.insert("hostPort".into(), json!(port));
    }
    map.insert("servicePort".into(), json!(mapping.service_port));
    map.insert("protocol".into(), json!(mapping.protocol));
    if let Some(name) = &mapping.name {
        map.insert("name".into(), json!(name));
    }
    map.insert("labels".into(), Value::Object(mapping.labels.clone()));
    Value::Object(map)
}

/// The network and the ports are a part of `docker`.
fn old_container(container: &Container, network: &Network) -> Value {
    let mut map = outline(container);
    if let Some(mut docker) = docker(container) {
        let name = match network {
            Network::Host => "HOST",
            Network::Bridge => "BRIDGE",
            Network::Named(_) => "USER",
        };
        docker.insert("network".into(), json!(name));
        docker.insert("portMappings".into(), container.port_mappings.iter().map(port_mapping).collect());
        map.insert("docker".into(), Value::Object(docker));
    }
    Value::Object(map)
}

/// The network is the app's, and the ports are a part of the container.
fn new_container(container: &Container, network: &Network) -> Value {
    let mut map = outline(container);
    if let Some(docker) = docker(container) {
        map.insert("docker".into(), Value::Object(docker));
    }
    if *network != Network::Host {
        map.insert("portMappings".into(), container.port_mappings.iter().map(port_mapping).collect());
    }
    Value::Object(map)
}

fn outline(container: &Container) -> Map<String, Value> {
    let volume = |volume: &super::container::Volume| {
        json!({"containerPath": volume.container_path, "hostPath": volume.host_path,
            "mode": if volume.read_only { "RO" } else { "RW" }})
    };
    let mut map = Map::new();
    map.insert("type".into(), json!(container.engine.as_str()));
    map.insert("volumes".into(), container.volumes.iter().map(volume).collect());
    map
}

fn docker(container: &Container) -> Option<Map<String, Value>> {
    let docker = container.docker.as_ref()?;
    let parameter = |(key, value): &(String, String)| json!({"key": key, "value": value});
    let mut map = Map::new();
    map.insert("image".into(), json!(docker.image));
    map.insert("privileged".into(), json!(docker.privileged));
    map.insert("parameters".into(), docker.parameters.iter().map(parameter).collect());
    map.insert("forcePullImage".into(), json!(docker.force_pull_image));
    for (key, value) in [("credential", &docker.credential), ("pullConfig", &docker.pull_config)] {
        if let Some(value) = value {
            map.insert(key.into(), value.clone());
        }
    }
    Some(map)
}

/// Whole numbers are written without a fraction.
fn number(number: f64) -> Value {
    if number.fract() == 0.0 && number.abs() < 1e15 { json!(number as i64) } else { json!(number) }
}
