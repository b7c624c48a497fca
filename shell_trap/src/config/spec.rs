//! What the job's container is like: the JSON of `SHELL_TRAP_SPEC`.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, bail, ensure};
use serde::Deserialize;

/// The job as the launcher describes it.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// Of this description; 1.
    pub version: u32,
    /// Absent: the command is run as a process of this node.
    #[serde(default)]
    pub image: Option<String>,
    /// One string for `/bin/sh -c` inside the container.
    #[serde(default)]
    pub shell: Option<String>,
    /// The command without any shell.
    #[serde(default)]
    pub args: Option<Vec<String>>,
    /// As Docker takes it: a name or number, perhaps with a group.
    #[serde(default)]
    pub user: Option<String>,
    /// The application's own environment.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// Directories of the node shown in the container.
    #[serde(default)]
    pub volumes: Vec<Volume>,
    /// `host`, `bridge`, `none` or the name of a Docker network.
    #[serde(default)]
    pub network: Option<String>,
    /// Ports of the container published on the node.
    #[serde(default)]
    pub ports: Vec<Port>,
    /// Options of `docker run`, without the dashes.
    #[serde(default)]
    pub parameters: Vec<Parameter>,
    /// All devices and capabilities.
    #[serde(default)]
    pub privileged: bool,
    /// Hard limit in MiB.
    #[serde(default)]
    pub memory_mib: Option<f64>,
    /// Pull the image even when the node has it.
    #[serde(default)]
    pub force_pull: bool,
    /// Standard input stays open, as the published call has it.
    #[serde(skip)]
    pub open_stdin: bool,
}

/// One bind mount.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Volume {
    /// Absolute path on the node.
    pub host: String,
    /// Absolute path in the container.
    pub container: String,
    /// May the job write?
    pub mode: Mode,
}

/// Read-only or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum Mode {
    /// Read-only.
    #[serde(alias = "ro")]
    RO,
    /// Writable.
    #[serde(alias = "rw")]
    RW,
}

/// One published port.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Port {
    /// Port in the container.
    pub container: u16,
    /// Port of the node; 0 means the one that Marathon assigned, `PORTi` with the mapping's index i.
    #[serde(default)]
    pub host: u16,
    /// `tcp` or `udp`.
    #[serde(default = "tcp")]
    pub protocol: String,
}

fn tcp() -> String {
    "tcp".into()
}

/// One option of `docker run`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameter {
    /// Its name without dashes.
    pub key: String,
    /// Its value.
    #[serde(default)]
    pub value: String,
}

impl Spec {
    /// Reads the JSON text and checks what its types cannot say.
    ///
    /// # Errors
    /// Which field is wrong, and what would be right.
    pub fn parse(text: &str) -> Result<Self> {
        let spec: Spec = serde_json::from_str(text).context("SHELL_TRAP_SPEC is not what it should be")?;
        spec.checked()
    }

    /// # Errors
    /// As [`Spec::parse`].
    pub fn checked(self) -> Result<Self> {
        ensure!(self.version == 1, "SHELL_TRAP_SPEC: version is {}, this agent reads version 1", self.version);
        if self.shell.is_some() && self.args.is_some() {
            bail!("SHELL_TRAP_SPEC: shell and args are two commands, give one");
        }
        ensure!(self.image.as_deref() != Some(""), "SHELL_TRAP_SPEC: image is empty; leave it out to run a process");
        if self.image.is_none() && self.shell.is_none() && self.args.as_deref().unwrap_or_default().is_empty() {
            bail!("SHELL_TRAP_SPEC: without an image a command is needed, as shell or as args");
        }
        for Volume { host, container, .. } in &self.volumes {
            ensure!(host.starts_with('/'), "SHELL_TRAP_SPEC: volumes: {host:?} must be an absolute path on the node");
            ensure!(container.starts_with('/'), "SHELL_TRAP_SPEC: volumes: {container:?} must be an absolute path");
            // They would read as separators in Docker's notation of a bind.
            ensure!(!host.contains(':') && !container.contains(':'), "SHELL_TRAP_SPEC: volumes: a path holds a colon");
        }
        for port in &self.ports {
            ensure!(port.container != 0, "SHELL_TRAP_SPEC: ports: container must be 1 to 65535");
            let known = matches!(port.protocol.as_str(), "tcp" | "udp");
            ensure!(known, "SHELL_TRAP_SPEC: ports: protocol {:?} is neither tcp nor udp", port.protocol);
        }
        if let Some(mib) = self.memory_mib {
            // Docker refuses less than 6 MiB.
            ensure!(mib.is_finite() && mib >= 6.0, "SHELL_TRAP_SPEC: memory_mib is {mib}, it must be at least 6");
        }
        for name in self.env.keys() {
            let wrong = name.is_empty() || name.contains(['=', '\0']);
            ensure!(!wrong, "SHELL_TRAP_SPEC: env: {name:?} is no name of a variable");
        }
        let strings = self.env.values().chain(self.args.iter().flatten()).chain(&self.shell).chain(&self.user);
        ensure!(!strings.into_iter().any(|s| s.contains('\0')), "SHELL_TRAP_SPEC: a value holds a zero byte");
        Ok(self)
    }

    /// The command as arguments; `None` leaves the image's own.
    pub fn command(&self) -> Option<Vec<String>> {
        match (&self.shell, &self.args) {
            (Some(line), _) => Some(vec!["/bin/sh".into(), "-c".into(), line.clone()]),
            (None, args) => args.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_contract_s_example_is_read() {
        let spec = Spec::parse(
            r#"{"version":1,"image":"a/b:1","shell":"echo $X","user":null,"env":{"X":"'$(id)'"},
            "volumes":[{"host":"/a","container":"/b","mode":"RO"}],"network":"bridge",
            "ports":[{"container":80,"host":0,"protocol":"tcp"}],"parameters":[{"key":"hostname","value":"h"}],
            "privileged":false,"memory_mib":128.0,"force_pull":false}"#,
        )
        .unwrap();
        assert_eq!(spec.command().unwrap(), ["/bin/sh", "-c", "echo $X"]);
        assert_eq!(spec.env["X"], "'$(id)'");
        assert_eq!(spec.volumes[0].mode, Mode::RO);
    }

    #[test]
    fn errors_name_the_field() {
        for (text, part) in [
            (r#"{"version":2,"image":"a"}"#, "version"),
            (r#"{"version":1}"#, "command"),
            (r#"{"version":1,"image":"a","shell":"x","args":["y"]}"#, "shell and args"),
            (r#"{"version":1,"image":"a","volumes":[{"host":"data","container":"/b","mode":"RW"}]}"#, "absolute"),
            (r#"{"version":1,"image":"a","volumes":[{"host":"/a:/etc","container":"/b","mode":"RW"}]}"#, "colon"),
            (r#"{"version":1,"image":"a","ports":[{"container":0}]}"#, "container"),
            (r#"{"version":1,"image":"a","memory_mib":1}"#, "memory_mib"),
            (r#"{"version":1,"image":"a","imagine":1}"#, "imagine"),
            (r#"{"version":1,"image":"a","env":{"A=B":"c"}}"#, "env"),
        ] {
            let error = format!("{:#}", Spec::parse(text).unwrap_err());
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
