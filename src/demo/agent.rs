//! `shell_trap` for the demo's nodes: this program's own file under the agent's name.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use super::scaling::Speed;
use crate::local::NodeVariable;

/// Published time between two samples, and the least that is of use here, s.
const SAMPLES: (f64, f64) = (5.0, 0.1);
/// What the agent reads of this program's own environment: where its tools are.
const PASSED_ON: [&str; 5] =
    ["PATH", "DOCKER_HOST", "SHELL_TRAP_DOCKER_SOCKET", "SHELL_TRAP_OCI_RUNTIME", "SHELL_TRAP_RUNC"];

/// Puts the agent below `dir`.
///
/// # Errors
/// When this program's file can neither be linked nor copied there.
pub fn install(dir: &Path) -> anyhow::Result<PathBuf> {
    let directory = dir.join("agent");
    fs::create_dir_all(&directory).with_context(|| directory.display().to_string())?;
    let agent = directory.join(shell_trap::cli::PROGRAM);
    let this = std::env::current_exe().context("the path of this program")?;
    if fs::hard_link(&this, &agent).is_err() {
        // Another file system, or a file that was replaced since: the running one is behind this link in any case.
        fs::copy("/proc/self/exe", &agent).with_context(|| format!("copying this program to {}", agent.display()))?;
    }
    Ok(agent)
}

/// What the nodes tell it. `group` is the control group for the job's own one.
///
/// # Errors
/// When a path is not UTF-8.
pub fn environment(
    dir: &Path,
    cpu_factor: f64,
    speed: Speed,
    group: Option<&str>,
) -> anyhow::Result<Vec<NodeVariable>> {
    let run_dir = dir.join("run");
    let run_dir = run_dir.to_str().with_context(|| format!("{run_dir:?} should be UTF-8"))?.to_owned();
    let own = PASSED_ON.iter().filter_map(|name| Some(((*name).to_owned(), std::env::var(name).ok()?)));
    let mut variables: Vec<(String, String)> = own.collect();
    let sample = (SAMPLES.0 / speed.get()).max(SAMPLES.1);
    variables.extend(
        [
            ("SHELL_TRAP_CPU_FACTOR", cpu_factor.to_string()),
            ("SHELL_TRAP_SAMPLE_SECONDS", sample.to_string()),
            ("SHELL_TRAP_RUN_DIR", run_dir),
            // The supervisor is in the demo's own process.
            ("SHELL_TRAP_END_WAIT_SECONDS", "30".to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value)),
    );
    variables.extend(group.map(|group| ("SHELL_TRAP_CGROUP_PARENT".to_owned(), group.to_owned())));
    Ok(variables.into_iter().map(|(name, value)| NodeVariable { node: None, name, value }).collect())
}
