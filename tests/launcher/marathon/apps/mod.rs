//! Marathon app files: what is refused, what is put right, and what is submitted.

mod networks;
mod put_right;
mod refused;
mod shell;
mod submitted;

use mesos_qos::clients::marathon::MarathonVersion;
use mesos_qos::launcher::JobSource;
use mesos_qos::launcher::job_file::JobFileError;
use mesos_qos::launcher::marathon::app_file::MarathonAppFile;
use mesos_qos::launcher::marathon::rewrite::{Trap, rewrite};
use mesos_qos::launcher::marathon::spec::Spec;
use mesos_qos::qos::ids::JobId;
use serde_json::{Value, json};

use super::agent;

const UUID: &str = "6f1fce6a-63b6-4c4d-9c0e-0123456789ab";

fn valid() -> Value {
    json!({
        "id": "/openmplinpack1", "cmd": "/linpack_openmp 6000", "cpus": 1, "mem": 512,
        "container": {"type": "DOCKER", "docker": {"image": "linpack-openmp", "network": "HOST"}},
        "qos": {"duration": 400, "deadline": 480, "desv_deadline": 0.1}
    })
}

/// The valid app with these members in place of its own; null takes one away.
fn with(change: Value) -> Value {
    let mut app = valid();
    for (key, value) in change.as_object().unwrap() {
        match value {
            Value::Null => drop(app.as_object_mut().unwrap().shift_remove(key)),
            value => app[key] = value.clone(),
        }
    }
    app
}

/// The valid app with a container of this network and these ports, in the form of 1.5.
fn networked(networks: Value, mappings: Value) -> Value {
    let container = json!({"type": "DOCKER", "docker": {"image": "i"}, "portMappings": mappings});
    with(json!({"networks": networks, "container": container}))
}

/// The same in the form of 1.1 to 1.4.
fn old_networked(network: &str, mappings: Value) -> Value {
    let docker = json!({"image": "i", "network": network, "portMappings": mappings});
    with(json!({"container": {"type": "DOCKER", "docker": docker}}))
}

fn load(app: Value) -> Result<MarathonAppFile, JobFileError> {
    JobSource::Json(app).load_app()
}

fn errors(app: Value) -> Vec<String> {
    match load(app.clone()).map(drop) {
        Err(JobFileError::Invalid(errors)) => errors.iter().map(ToString::to_string).collect(),
        other => panic!("{app}: {other:?}"),
    }
}

fn rewritten_for(app: Value, version: MarathonVersion) -> Value {
    let file = load(app).unwrap();
    let uuid: JobId = UUID.parse().unwrap();
    let supervisor = "http://supervisor:30000/".parse().unwrap();
    let agent = agent();
    let trap =
        Trap { uuid, supervisor: &supervisor, token: Some("t0ken"), cacert: Some("/ca.pem"), agent: &agent, version };
    rewrite(&file, &trap)
}

fn rewritten(app: Value) -> Value {
    rewritten_for(app, MarathonVersion::new(1, 5, 6))
}

fn spec_of(app: &Value) -> Spec {
    serde_json::from_str(app["env"]["SHELL_TRAP_SPEC"].as_str().unwrap()).unwrap()
}
