//! What this Docker offers.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;
use serde_json::Value;

use super::{Answer, Docker, DockerError, QUICK};

/// The parts of `GET /info` that matter here.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct NodeInfo {
    /// Two daemons of one machine may have the same.
    #[serde(rename = "ID")]
    pub id: String,
    /// Starting from a checkpoint by the API needs it.
    #[serde(default)]
    pub experimental_build: bool,
    /// OCI runtimes by name.
    #[serde(default)]
    pub runtimes: BTreeMap<String, Value>,
    /// Where containers and their `checkpoints` directories are.
    pub docker_root_dir: PathBuf,
    /// Cores of the node.
    #[serde(rename = "NCPU")]
    pub cores: f64,
    /// `cgroupfs` or `systemd`.
    #[serde(default)]
    pub cgroup_driver: String,
    /// The storage driver.
    #[serde(default)]
    pub driver: String,
    /// Of the daemon.
    #[serde(default)]
    pub server_version: String,
    /// Of the kernel.
    #[serde(default)]
    pub kernel_version: String,
}

impl NodeInfo {
    /// Tells this daemon from any other, also on the same machine: daemons there share their id.
    pub fn identity(&self) -> String {
        format!("{}{}", self.id, self.docker_root_dir.display())
    }
}

impl Docker {
    /// # Errors
    /// When the daemon is not reached, or tells less than is needed.
    pub async fn info(&self) -> Answer<NodeInfo> {
        let value = self.get("/info", QUICK).await?;
        NodeInfo::deserialize(value).map_err(|e| DockerError::Unreachable(format!("/info: {e}")))
    }
}
