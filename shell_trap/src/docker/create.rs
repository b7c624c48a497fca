//! The description of a job's container.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use super::parameters;
use crate::config::spec::{Mode, Spec};

/// Label with the job's 32 hex digits: how leftovers are found.
pub const LABEL_JOB: &str = "shell_trap.job";
/// Label with the lease epoch under which the container was made.
pub const LABEL_SEGMENT: &str = "shell_trap.segment";
/// Variable that tells the OCI runtime entry to restore, and from where.
pub const ENV_RESTORE: &str = "SHELL_TRAP_RESTORE";
/// Variable with the file that the OCI runtime entry writes its outcome to.
pub const ENV_OUTCOME: &str = "SHELL_TRAP_OUTCOME";

/// Variable with the limit in cores that holds from the restored program's first step.
pub const ENV_CORES: &str = "SHELL_TRAP_CORES";

/// What a container gets besides its specification.
#[derive(Debug)]
pub struct Placement<'a> {
    /// The job's 32 hex digits.
    pub job: &'a str,
    /// The lease epoch.
    pub segment: u64,
    /// Cores of the node.
    pub cores: f64,
    /// As Docker takes it.
    pub cgroup_parent: Option<&'a str>,
    /// Name of the OCI runtime; the daemon's default when absent.
    pub runtime: Option<&'a str>,
    /// Variables of the framework.
    pub framework_env: &'a BTreeMap<String, String>,
    /// Variables for the OCI runtime entry.
    pub agent_env: &'a [(&'a str, String)],
}

/// The body of `POST /containers/create`.
///
/// # Errors
/// Which part of the specification cannot be had.
pub fn body(spec: &Spec, placement: &Placement) -> Result<Value> {
    let image = spec.image.as_deref().context("image is missing")?;
    let mut body = json!({"Image": image, "OpenStdin": spec.open_stdin, "Tty": false, "Labels": {}});
    for (key, value) in framework_env(spec, placement.framework_env) {
        parameters::apply(&mut body, "env", &format!("{key}={value}"))?;
    }
    for (key, value) in &spec.env {
        parameters::apply(&mut body, "env", &format!("{key}={value}"))?;
    }
    for parameter in &spec.parameters {
        parameters::apply(&mut body, &parameter.key, &parameter.value)?;
    }
    match (&spec.shell, &spec.args) {
        // As the frameworks have it: a command line is the shell's, whatever the image's entry point.
        (Some(line), _) => {
            body["Entrypoint"] = json!(["/bin/sh"]);
            body["Cmd"] = json!(["-c", line]);
        }
        (None, Some(args)) => body["Cmd"] = json!(args),
        (None, None) => {}
    }
    if let Some(user) = &spec.user {
        body["User"] = json!(user);
    }
    for volume in &spec.volumes {
        let mode = if volume.mode == Mode::RO { "ro" } else { "rw" };
        parameters::apply(&mut body, "volume", &format!("{}:{}:{mode}", volume.host, volume.container))?;
    }
    if let Some(network) = &spec.network {
        parameters::set(&mut body, "/HostConfig/NetworkMode", json!(network))?;
    }
    ports(spec, placement, &mut body)?;
    if spec.privileged {
        parameters::set(&mut body, "/HostConfig/Privileged", json!(true))?;
    }
    if let Some(mib) = spec.memory_mib {
        parameters::set(&mut body, "/HostConfig/Memory", json!((mib * 1048576.0) as i64))?;
    }
    ours(placement, &mut body)?;
    Ok(body)
}

fn ours(placement: &Placement, body: &mut Value) -> Result<()> {
    body["Labels"][LABEL_JOB] = json!(placement.job);
    body["Labels"][LABEL_SEGMENT] = json!(placement.segment.to_string());
    for (key, value) in placement.agent_env {
        let text = json!(format!("{key}={value}"));
        match body["Env"].as_array_mut() {
            Some(list) => list.push(text),
            None => body["Env"] = json!([text]),
        }
    }
    let host = |name: &str| format!("/HostConfig/{name}");
    parameters::set(body, &host("RestartPolicy"), json!({"Name": "no"}))?;
    parameters::set(body, &host("NanoCpus"), json!(nano_cpus(placement.cores)))?;
    if let Some(parent) = placement.cgroup_parent {
        parameters::set(body, &host("CgroupParent"), json!(parent))?;
    }
    if let Some(runtime) = placement.runtime {
        parameters::set(body, &host("Runtime"), json!(runtime))?;
    }
    Ok(())
}

/// The job's own variables win over those of the framework.
fn framework_env<'a>(spec: &Spec, all: &'a BTreeMap<String, String>) -> Vec<(&'a String, &'a String)> {
    all.iter().filter(|(name, _)| !spec.env.contains_key(*name)).collect()
}

fn ports(spec: &Spec, placement: &Placement, body: &mut Value) -> Result<()> {
    for (index, port) in spec.ports.iter().enumerate() {
        let host = match port.host {
            0 => {
                let name = format!("PORT{index}");
                let text = placement.framework_env.get(&name);
                text.with_context(|| format!("ports[{index}]: host is 0 and the framework assigned no {name}"))?.clone()
            }
            number => number.to_string(),
        };
        let key = format!("{}/{}", port.container, port.protocol);
        body["ExposedPorts"][&key] = json!({});
        let bindings = &mut body["HostConfig"]["PortBindings"][&key];
        match bindings.as_array_mut() {
            Some(list) => list.push(json!({"HostPort": host})),
            None => *bindings = json!([{"HostPort": host}]),
        }
    }
    Ok(())
}

/// Docker's unit; at least the hundredth of a core that it takes.
pub fn nano_cpus(cores: f64) -> i64 {
    // A float of at most some thousand cores: no overflow, and rounding below a billionth.
    (cores.clamp(0.01, 1e6) * 1e9).round() as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(text: &str, env: &[(&str, &str)]) -> Result<Value> {
        let framework_env = env.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let placement = Placement {
            job: "ab",
            segment: 3,
            cores: 0.5,
            cgroup_parent: Some("/p"),
            runtime: None,
            framework_env: &framework_env,
            agent_env: &[],
        };
        body(&Spec::parse(text)?, &placement)
    }

    #[test]
    fn the_whole_specification_arrives() {
        let body = made(
            r#"{"version":1,"image":"i","shell":"echo \"$X\"; exit 3","user":"1:2","env":{"X":"1"},"network":"bridge",
            "volumes":[{"host":"/a","container":"/b","mode":"RO"}],"ports":[{"container":80},{"container":81,"host":9,"protocol":"udp"}],
            "parameters":[{"key":"env","value":"Y=2"}],"privileged":true,"memory_mib":64}"#,
            &[("PORT0", "31000"), ("X", "framework")],
        )
        .unwrap();
        assert_eq!(
            body,
            json!({"Image": "i", "OpenStdin": false, "Tty": false, "User": "1:2",
                "Labels": {"shell_trap.job": "ab", "shell_trap.segment": "3"},
                "Entrypoint": ["/bin/sh"], "Cmd": ["-c", "echo \"$X\"; exit 3"], "Env": ["PORT0=31000", "X=1", "Y=2"],
                "ExposedPorts": {"80/tcp": {}, "81/udp": {}},
                "HostConfig": {"Binds": ["/a:/b:ro"], "NetworkMode": "bridge", "Privileged": true, "Memory": 67108864,
                    "PortBindings": {"80/tcp": [{"HostPort": "31000"}], "81/udp": [{"HostPort": "9"}]},
                    "RestartPolicy": {"Name": "no"}, "NanoCpus": 500000000, "CgroupParent": "/p"}})
        );
    }

    #[test]
    fn a_port_that_was_not_assigned_is_named() {
        let error = made(r#"{"version":1,"image":"i","ports":[{"container":80}]}"#, &[]).unwrap_err();
        assert!(format!("{error:#}").contains("PORT0"));
    }

    #[test]
    fn a_job_cannot_speak_to_the_runtime_entry() {
        assert!(made(r#"{"version":1,"image":"i","env":{"SHELL_TRAP_RESTORE":"/x"}}"#, &[]).is_err());
    }
}
