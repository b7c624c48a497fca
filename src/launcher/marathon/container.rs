//! The container, which `shell_trap` makes in Marathon's place.

use serde_json::{Map, Value};

use super::features::is_blank;
use super::network::NetworkParts;
use super::spec::{Parameter, Volume, variable};
use crate::launcher::fields::Fields;
use crate::launcher::findings::Findings;

/// Options of `docker run` that `shell_trap` does not leave to an app, each with the reason or what says it in the app.
const SET_BY_SHELL_TRAP: [(&str, &str); 23] = [
    ("name", "the container is named by the job's uuid"),
    ("cpus", "the limit is the app's cpus, and changes with them"),
    ("cpu-shares", "the limit is the app's cpus, and changes with them"),
    ("cpu-quota", "the limit is the app's cpus, and changes with them"),
    ("cpu-period", "the limit is the app's cpus, and changes with them"),
    ("c", "the limit is the app's cpus, and changes with them"),
    ("memory", "the limit is the app's mem"),
    ("m", "the limit is the app's mem"),
    ("memory-swap", "the limit is the app's mem"),
    ("network", "write container.docker.network or networks"),
    ("net", "write container.docker.network or networks"),
    ("publish", "write portMappings"),
    ("p", "write portMappings"),
    ("publish-all", "write portMappings"),
    ("rm", "the container is needed until its end is reported"),
    ("restart", "Marathon starts the job again, from its checkpoint"),
    ("detach", "the task lasts as long as its container"),
    ("d", "the task lasts as long as its container"),
    ("cidfile", "the container is named by the job's uuid"),
    ("cgroup-parent", "it is the agents' own matter"),
    ("runtime", "checkpoints depend on it"),
    ("init", "a container with Docker's own init cannot be restored"),
    ("tty", "a batch job has no terminal, and one cannot be checkpointed"),
];

/// The container, as far as it is right.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ContainerParts {
    /// Absent when the program is a process of the agent.
    pub image: Option<String>,
    /// Directories of the agent.
    pub volumes: Vec<Volume>,
    /// Further options.
    pub parameters: Vec<Parameter>,
    /// With all rights on the agent.
    pub privileged: bool,
    /// Pull the image although the agent has it.
    pub force_pull: bool,
}

/// Takes `container` out of the app; the network has been taken out of it before.
pub fn take(fields: &mut Fields<'_>) -> ContainerParts {
    let mut parts = ContainerParts::default();
    let Some(container) = fields.members.shift_remove("container") else { return parts };
    let Value::Object(mut container) = container else {
        fields.error("container", "should be an object with type, docker and volumes");
        return parts;
    };
    let docker = container.shift_remove("docker");
    let mut inside = Fields { members: &mut container, findings: &mut *fields.findings, prefix: "container." };
    let kind = inside.text("type", "write \"DOCKER\"");
    if kind.as_deref().is_some_and(|kind| !matches!(kind, "DOCKER" | "MESOS")) {
        inside.error("type", "should be \"DOCKER\"");
    }
    parts.volumes = volumes(&mut inside);
    refuse_others(&mut inside, &["type", "volumes"]);
    match docker {
        Some(Value::Object(mut docker)) => {
            let findings = &mut *fields.findings;
            read_docker(&mut Fields { members: &mut docker, findings, prefix: "container.docker." }, &mut parts);
            if kind.as_deref() == Some("MESOS") {
                fields
                    .warn("container.type", "is MESOS, and the image is run by Docker: only that can be checkpointed");
            }
        }
        Some(_) => fields.error("container.docker", "should be an object with image and network"),
        None if kind.as_deref() == Some("DOCKER") => {
            fields.error("container.docker", "missing: name the image, {\"image\": \"debian:12\"}");
        }
        None => {}
    }
    parts
}

fn read_docker(docker: &mut Fields<'_>, parts: &mut ContainerParts) {
    const FIX: &str = "name the image, for instance \"debian:12\"";
    if docker.members.contains_key("image") {
        let image = docker.text("image", FIX);
        if image.as_deref().is_some_and(|image| image.trim().is_empty() || image.contains('\0')) {
            docker.error("image", format!("is empty: {FIX}"));
        }
        parts.image = image;
    } else {
        docker.missing("image", FIX);
    }
    parts.privileged = docker.boolean("privileged").unwrap_or(false);
    parts.force_pull = docker.boolean("forcePullImage").unwrap_or(false);
    parts.parameters = parameters(docker);
    for key in ["credential", "pullConfig"] {
        if docker.members.shift_remove(key).is_some_and(|value| !is_blank(&value)) {
            docker.error(key, "Docker pulls with the agent's own credentials here: leave it out and log the agents in");
        }
    }
    refuse_others(docker, &["image", "privileged", "forcePullImage", "parameters"]);
}

/// A container that lacks something is worse than none.
fn refuse_others(fields: &mut Fields<'_>, known: &[&str]) {
    let others: Vec<String> = fields
        .members
        .iter()
        .filter(|(key, value)| !known.contains(&key.as_str()) && !is_blank(value))
        .map(|(key, _)| key.clone())
        .collect();
    for key in others {
        fields.error(&key, "is not known here, and the container would be made without it: leave it out");
    }
}

fn volumes(container: &mut Fields<'_>) -> Vec<Volume> {
    const FIX: &str = "write {\"hostPath\": \"/a\", \"containerPath\": \"/b\", \"mode\": \"RW\"}";
    let items = container.list("volumes", FIX).map(std::mem::take).unwrap_or_default();
    let mut volumes = Vec::new();
    for (index, item) in items.into_iter().enumerate() {
        let name = format!("volumes[{index}]");
        match volume(item) {
            Ok(volume) => volumes.push(volume),
            Err(problem) => container.error(&name, format!("{problem}: {FIX}")),
        }
    }
    volumes
}

fn volume(item: Value) -> Result<Volume, String> {
    let Value::Object(mut item) = item else { return Err("should be an object".into()) };
    for (key, why) in [
        ("persistent", "a persistent volume stays on one agent, and a resize may move the job"),
        ("external", "an external volume is mounted by Mesos for its own containers only"),
        ("secret", "a secret is handed to Mesos' own containers only"),
    ] {
        if item.contains_key(key) {
            return Err(format!("{why}; use a directory that all agents share"));
        }
    }
    let mut path = |key: &str| match item.shift_remove(key) {
        // A colon parts the paths in Docker's own notation.
        Some(Value::String(path)) if path.starts_with('/') && !path.contains(['\0', ':']) => Ok(path),
        Some(other) => Err(format!("{key} should be an absolute path without a colon, found {other}")),
        None => Err(format!("{key} is missing")),
    };
    let (host, container) = (path("hostPath")?, path("containerPath")?);
    let mode = match item.shift_remove("mode") {
        Some(Value::String(mode)) if matches!(mode.as_str(), "RO" | "RW") => mode,
        Some(other) => return Err(format!("mode should be \"RO\" or \"RW\", found {other}")),
        None => return Err("mode is missing".into()),
    };
    match item.into_iter().find(|(_, value)| !is_blank(value)) {
        Some((key, _)) => Err(format!("{key} is not known here, and the volume would be mounted without it")),
        None => Ok(Volume { host, container, mode }),
    }
}

fn parameters(docker: &mut Fields<'_>) -> Vec<Parameter> {
    const FIX: &str = "write {\"key\": \"ulimit\", \"value\": \"nofile=1024\"}";
    let items = docker.list("parameters", FIX).map(std::mem::take).unwrap_or_default();
    let mut parameters = Vec::new();
    for (index, item) in items.iter().enumerate() {
        let name = format!("parameters[{index}]");
        match item.as_object().and_then(parameter) {
            Some(parameter) => {
                if let Some((key, why)) = SET_BY_SHELL_TRAP.iter().find(|(key, _)| *key == parameter.key) {
                    docker.error(&name, format!("{key:?} is not for an app to set: {why}"));
                }
                if matches!(parameter.key.as_str(), "env" | "e") && parameter.value.starts_with(variable::PREFIX) {
                    docker.error(&name, format!("names that begin with {} are not for the app", variable::PREFIX));
                }
                parameters.push(parameter);
            }
            None => docker.error(&name, format!("should have a key and a value, both in quotes: {FIX}")),
        }
    }
    parameters
}

fn parameter(item: &Map<String, Value>) -> Option<Parameter> {
    let text = |key: &str| match item.get(key)? {
        Value::String(text) if !text.contains('\0') => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(value) => Some(value.to_string()),
        _ => None,
    };
    let key = text("key")?.trim_start_matches('-').to_owned();
    Some(Parameter { key, value: text("value")? }).filter(|parameter| !parameter.key.is_empty())
}

/// A process of the agent has no container to put things into.
pub fn without_image(fields: &mut Fields<'_>, container: &ContainerParts, network: &NetworkParts) {
    let findings: &mut Findings = fields.findings;
    if !container.volumes.is_empty() {
        findings.error("container.volumes", "need an image: name one in container.docker.image");
    }
    if network.name != "host" {
        findings
            .error("networks", "a network other than the host's needs an image: name one in container.docker.image");
    }
    findings.warn(
        "container",
        "names no image, so the program runs as a process of the agent: it cannot be checkpointed, and a resize by a \
         restart would begin it anew",
    );
}
