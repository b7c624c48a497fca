//! By which path this node restores: chosen once at the start, and logged.

pub mod engine;

use std::fmt;

use crate::checkpoint::criu::{self, Criu};
use crate::checkpoint::dump::DumpPath;
use crate::config::Config;
use crate::docker::node::NodeInfo;

/// How images become a running container again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RestorePath {
    /// Docker starts the container with this program as its OCI runtime.
    Runtime(String),
    /// The Engine API starts it from a checkpoint that is copied into Docker's directories.
    Engine,
}

impl fmt::Display for RestorePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RestorePath::Runtime(name) => write!(f, "OCI runtime {name:?}"),
            RestorePath::Engine => f.write_str("Engine API (experimental)"),
        }
    }
}

/// What this node can do with checkpoints.
#[derive(Debug, Clone)]
pub struct Abilities {
    /// How it dumps.
    pub dump: DumpPath,
    /// How it restores.
    pub restore: RestorePath,
    /// The tool.
    pub criu: Criu,
}

impl Abilities {
    /// Looks at the node.
    ///
    /// # Errors
    /// Why there are no checkpoints here, in words for the operator.
    pub async fn find(config: &Config, node: &NodeInfo) -> anyhow::Result<Self> {
        let criu = Criu::find().await?;
        anyhow::ensure!(
            matches!(node.driver.as_str(), "overlay2" | "overlay" | "fuse-overlayfs"),
            "Docker's storage driver is {:?}: the writable layer is saved from overlay2 only",
            node.driver
        );
        let runc = criu::runc();
        let restore = choose(&config.oci_runtime, node, runc.is_ok())?;
        let dump = match runc {
            Ok(_) => DumpPath::Runc,
            Err(_) => DumpPath::Engine,
        };
        Ok(Abilities { dump, restore, criu })
    }
}

fn choose(wanted: &str, node: &NodeInfo, runc: bool) -> anyhow::Result<RestorePath> {
    if runc && node.runtimes.contains_key(wanted) {
        return Ok(RestorePath::Runtime(wanted.to_owned()));
    }
    if node.experimental_build {
        return Ok(RestorePath::Engine);
    }
    anyhow::bail!(
        "Docker has no runtime {wanted:?} in daemon.json and is not experimental: one of the two is needed to restore"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(runtimes: &[&str], experimental: bool) -> NodeInfo {
        let runtimes = runtimes
            .iter()
            .map(|name| ((*name).to_owned(), serde_json::json!({"path": name})))
            .collect::<serde_json::Map<_, _>>();
        let value = serde_json::json!({"ID": "x", "ExperimentalBuild": experimental, "Runtimes": runtimes,
            "DockerRootDir": "/d", "NCPU": 2});
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn the_runtime_entry_is_preferred_and_nothing_is_no_way() {
        let chosen = |runtimes: &[&str], experimental, runc| choose("shell_trap", &node(runtimes, experimental), runc);
        assert_eq!(chosen(&["runc", "shell_trap"], true, true).unwrap(), RestorePath::Runtime("shell_trap".into()));
        assert_eq!(chosen(&["runc"], true, true).unwrap(), RestorePath::Engine);
        assert_eq!(chosen(&["shell_trap"], true, false).unwrap(), RestorePath::Engine);
        assert!(chosen(&["runc"], false, true).unwrap_err().to_string().contains("daemon.json"));
    }
}
