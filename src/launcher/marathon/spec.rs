//! What `shell_trap` is told of the program that it runs: `SHELL_TRAP_SPEC`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Linux takes this much as one variable: name, equals sign, value and the closing zero.
const LONGEST_VARIABLE: usize = 128 * 1024;

/// The environment variables that `shell_trap` reads.
pub mod variable {
    /// What all of them begin with.
    pub const PREFIX: &str = "SHELL_TRAP_";
    /// The job's identity.
    pub const UUID: &str = "SHELL_TRAP_UUID";
    /// Where to report, without a trailing slash.
    pub const SUPERVISOR: &str = "SHELL_TRAP_SUPERVISOR";
    /// Opens this job's callbacks; the program does not get to see it.
    pub const TOKEN: &str = "SHELL_TRAP_TOKEN";
    /// A PEM file on the agent that the supervisor's certificate is checked against.
    pub const CACERT: &str = "SHELL_TRAP_CACERT";
    /// The shared directory of the checkpoints.
    pub const CHECKPOINT_DIR: &str = "SHELL_TRAP_CHECKPOINT_DIR";
    /// Whole seconds between TERM and KILL.
    pub const GRACE_SECONDS: &str = "SHELL_TRAP_GRACE_SECONDS";
    /// The program.
    pub const SPEC: &str = "SHELL_TRAP_SPEC";
}

/// A program and what surrounds it. No value of it ever passes a shell on the agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Spec {
    /// Of this document.
    pub version: u32,
    /// The Docker image; absent means a process of the agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// What is run; absent means what the image runs by itself.
    #[serde(flatten)]
    pub program: Option<Program>,
    /// The user inside the container.
    pub user: Option<String>,
    /// The app's own variables.
    pub env: BTreeMap<String, String>,
    /// Directories of the agent in the container.
    pub volumes: Vec<Volume>,
    /// `host`, `bridge`, `none` or the name of a Docker network.
    pub network: String,
    /// Ports of the container that can be reached from outside; the n-th one has the variable `PORT<n>`.
    pub ports: Vec<Port>,
    /// Further options of `docker run`.
    pub parameters: Vec<Parameter>,
    /// With all rights on the agent.
    pub privileged: bool,
    /// The container's memory in MiB.
    pub memory_mib: f64,
    /// Pull the image although the agent has it.
    pub force_pull: bool,
}

/// How a program is said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Program {
    /// For `sh -c`, in the container.
    Shell(String),
    /// The arguments of the image's entry point, or the program and its arguments when there is no image.
    Args(Vec<String>),
}

/// A directory of the agent in the container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Volume {
    /// On the agent; absolute.
    pub host: String,
    /// In the container; absolute.
    pub container: String,
    /// `RO` or `RW`.
    pub mode: String,
}

/// A port of the container that can be reached from outside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Port {
    /// In the container.
    pub container: u16,
    /// On the agent; 0 is the one that Marathon assigned.
    pub host: u16,
    /// `tcp` or `udp`.
    pub protocol: String,
}

/// An option of `docker run`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parameter {
    /// Its long name, without dashes.
    pub key: String,
    /// Its value.
    pub value: String,
}

/// A program that no agent could run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "command, environment and container are {0} bytes together, and Linux takes {LONGEST_VARIABLE} in one variable: \
     put the command into a script file"
)]
pub struct TooLong(usize);

impl Spec {
    /// The value of the variable: one line of JSON.
    pub fn to_json(&self) -> String {
        // Every part is text, numbers and lists: there is nothing in it that JSON cannot say.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Whether Linux takes the variable.
    ///
    /// # Errors
    /// When it is too long, with its length.
    pub fn check_length(&self) -> Result<(), TooLong> {
        let length = variable::SPEC.len() + "=".len() + self.to_json().len() + "\0".len();
        if length > LONGEST_VARIABLE { Err(TooLong(length)) } else { Ok(()) }
    }
}
