//! What a task runs: its command, its environment, its container.

use indexmap::IndexMap;

use super::{Core, Task};
use crate::local::action::LaunchOrder;
use crate::local::executor::ContainerSpec;
use crate::local::java::java_double;
use crate::local::marathon::app::App;
use crate::local::marathon::container::{Docker, Network};
use crate::local::nodes::Node;

impl Core {
    /// The order for the executor, or why there can be none.
    pub(super) fn launch_order(&self, task: &Task, node: &Node) -> Result<LaunchOrder, String> {
        let app = &task.app;
        let container = app.container.as_ref().and_then(|container| container.docker.as_ref());
        let argv = match &app.cmd {
            Some(cmd) => vec!["/bin/sh".into(), "-c".into(), cmd.clone()],
            None => app.args.clone(),
        };
        if argv.is_empty() && container.is_none() {
            return Err("there is neither a command nor an image".into());
        }
        let (cpus, shared) = self.settings.limit.of(task.cpus, node);
        Ok(LaunchOrder {
            task: task.id.clone(),
            seq: task.seq,
            argv,
            env: self.environment(task, &node.env),
            cpus,
            node: shared,
            memory_mib: app.mem,
            container: container.map(|docker| container_spec(app, docker, &task.ports)),
        })
    }

    /// The app's own variables win over those of Marathon; those of the cluster and of its nodes yield to both.
    fn environment(&self, task: &Task, node_env: &[(String, String)]) -> Vec<(String, String)> {
        let (app, since_1_4) = (&task.app, self.version().since_1_4());
        let mut env: IndexMap<String, String> = self.settings.env.iter().chain(node_env).cloned().collect();
        let mut put = |name: &str, value: String| {
            env.insert(name.to_owned(), value);
        };
        put("MESOS_TASK_ID", task.id.clone());
        put("MARATHON_APP_ID", app.id.clone());
        put("MARATHON_APP_VERSION", app.version_text());
        if let Some(docker) = app.container.as_ref().and_then(|container| container.docker.as_ref()) {
            put("MARATHON_APP_DOCKER_IMAGE", docker.image.clone());
        }
        put("MARATHON_APP_RESOURCE_CPUS", java_double(app.cpus));
        put("MARATHON_APP_RESOURCE_MEM", java_double(app.mem));
        put("MARATHON_APP_RESOURCE_DISK", java_double(app.disk));
        if since_1_4 {
            put("MARATHON_APP_RESOURCE_GPUS", "0".into());
        }
        let labels: Vec<String> = app.labels.keys().map(|key| variable(key)).collect();
        put("MARATHON_APP_LABELS", labels.join(" "));
        for (name, value) in labels.iter().zip(app.labels.values()) {
            put(&format!("MARATHON_APP_LABEL_{name}"), value.clone());
        }
        put("HOST", task.hostname.clone());
        if let Some(first) = task.ports.first() {
            put("PORT", first.to_string());
            put("PORTS", task.ports.iter().map(ToString::to_string).collect::<Vec<_>>().join(","));
        }
        for (i, port) in task.ports.iter().enumerate() {
            put(&format!("PORT{i}"), port.to_string());
        }
        for ((requested, name), port) in declared(app).into_iter().zip(&task.ports) {
            if requested != 0 {
                put(&format!("PORT_{requested}"), port.to_string());
            }
            if let Some(name) = name.filter(|_| since_1_4) {
                put(&format!("PORT_{}", variable(&name)), port.to_string());
            }
        }
        env.extend(app.env.iter().map(|(name, value)| (name.clone(), value.clone())));
        env.into_iter().collect()
    }
}

/// The ports as they were asked for: number and name.
fn declared(app: &App) -> Vec<(u16, Option<String>)> {
    match app.mappings() {
        Some(mappings) => {
            let mapped = mappings.iter().filter(|mapping| mapping.host_port.is_some());
            mapped.map(|mapping| (mapping.container_port, mapping.name.clone())).collect()
        }
        None => app.port_definitions.iter().map(|port| (port.port, port.name.clone())).collect(),
    }
}

/// A name as one of a variable: upper case, `_` for all but letters and digits.
fn variable(name: &str) -> String {
    let mut variable = String::new();
    for c in name.chars() {
        if c.is_ascii_alphanumeric() {
            variable.push(c.to_ascii_uppercase());
        } else if !variable.ends_with('_') || c == '_' {
            variable.push('_');
        }
    }
    variable
}

fn container_spec(app: &App, docker: &Docker, ports: &[u16]) -> ContainerSpec {
    let volumes = app.container.iter().flat_map(|container| &container.volumes);
    let mut parameters = docker.parameters.clone();
    if docker.privileged {
        parameters.push(("privileged".into(), "true".into()));
    }
    let mapped = app.mappings().unwrap_or_default().iter().filter(|mapping| mapping.host_port.is_some());
    for (mapping, port) in mapped.zip(ports) {
        // Port 0 of the container is the one that the host has given.
        let inside = if mapping.container_port == 0 { *port } else { mapping.container_port };
        for protocol in mapping.protocol.split(',') {
            parameters.push(("publish".into(), format!("{port}:{inside}/{protocol}")));
        }
    }
    let network = match &app.network {
        Network::Host => "HOST".to_owned(),
        Network::Bridge | Network::Named(None) => "BRIDGE".to_owned(),
        Network::Named(Some(name)) => name.clone(),
    };
    ContainerSpec {
        image: docker.image.clone(),
        network: Some(network),
        volumes: volumes.map(|v| (v.host_path.clone(), v.container_path.clone(), v.read_only)).collect(),
        parameters,
    }
}

#[cfg(test)]
mod tests {
    use super::variable;

    #[test]
    fn names_become_variables() {
        assert_eq!(["web", "my-port", "a.b c"].map(variable), ["WEB", "MY_PORT", "A_B_C"]);
    }
}
