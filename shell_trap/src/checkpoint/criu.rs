//! The tools of a checkpoint on this node: CRIU, and the runc whose container Docker runs.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use tokio::process::Command;

use crate::process;

const CHECK: Duration = Duration::from_secs(20);

/// What was found.
#[derive(Debug, Clone)]
pub struct Criu {
    /// The program.
    pub program: PathBuf,
    /// As it says itself.
    pub version: String,
    /// What works with limits, in words.
    pub warnings: Vec<String>,
}

impl Criu {
    /// Finds it and lets it check the running kernel.
    ///
    /// # Errors
    /// Why no checkpoint can be made here.
    pub async fn find() -> Result<Self> {
        let program = process::find("criu").context("there is no criu on this node")?;
        let call = |argument: &str| {
            let mut command = Command::new(&program);
            command.arg(argument).process_group(0);
            command
        };
        let said = process::succeed(call("--version"), "criu --version", CHECK).await?;
        let version =
            said.lines().find_map(|line| line.strip_prefix("Version: ")).unwrap_or("unknown").trim().to_owned();
        process::succeed(call("check"), "criu check", CHECK)
            .await
            .with_context(|| format!("criu {version} does not work here"))?;
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let warnings = [about_sockets(&version, &kernel()), about_users(&status)].into_iter().flatten().collect();
        Ok(Criu { program, version, warnings })
    }
}

/// The kernel's release.
pub fn kernel() -> String {
    std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default().trim().to_owned()
}

fn about_sockets(criu: &str, kernel: &str) -> Option<String> {
    let old = pair(criu)? < (4, 2) && pair(kernel)? >= (6, 16);
    old.then(|| {
        format!("criu {criu} cannot dump TCP sockets on kernel {kernel}, not even listening ones; criu 4.2 can")
    })
}

/// By this process's own capabilities, which its CRIU inherits: the limits of another user's process cannot be read
/// without `CAP_SYS_RESOURCE`, number 24.
fn about_users(status: &str) -> Option<String> {
    let set = status.lines().find_map(|line| line.strip_prefix("CapEff:"))?.trim();
    let missing = u64::from_str_radix(set, 16).ok()? & (1 << 24) == 0;
    missing.then(|| {
        "without CAP_SYS_RESOURCE there are no checkpoints of programs of other users than root: they are left \
        running, for the next task on this node"
            .to_owned()
    })
}

fn pair(version: &str) -> Option<(u32, u32)> {
    let mut numbers = version.split(|c: char| !c.is_ascii_digit()).map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

/// The runc in `SHELL_TRAP_RUNC`, or the one of this node.
///
/// # Errors
/// When there is none.
pub fn runc() -> Result<PathBuf> {
    if let Some(path) = std::env::var_os("SHELL_TRAP_RUNC") {
        return Ok(path.into());
    }
    process::find("runc").or_else(|| process::find("docker-runc")).context("there is no runc on this node")
}

/// The directory that runc was told to keep container `id` in (`--root`), below Docker's `exec-root`.
///
/// # Errors
/// When the container is in none of the usual places.
pub fn runc_root(exec_root: Option<&Path>, id: &str) -> Result<PathBuf> {
    let usual = [Path::new("/run/docker"), Path::new("/var/run/docker")];
    for base in exec_root.into_iter().chain(usual) {
        for runtime in subdirectories(base).filter(|d| name_starts(d, "runtime-")) {
            if let Some(root) =
                subdirectories(&runtime).find(|namespace| namespace.join(id).join("state.json").is_file())
            {
                return Ok(root);
            }
        }
    }
    bail!("runc's state of container {id} is not where Docker usually keeps it")
}

fn subdirectories(directory: &Path) -> impl Iterator<Item = PathBuf> {
    std::fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.path())
}

fn name_starts(path: &Path, prefix: &str) -> bool {
    path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_warning_about_sockets_comes_with_old_criu_on_new_kernels_only() {
        assert!(about_sockets("4.1.1", "6.18.44-fc").is_some());
        assert!(about_sockets("4.2", "6.18.44").is_none());
        assert!(about_sockets("3.17.1", "5.10.0-8-amd64").is_none());
    }

    #[test]
    fn the_warning_about_other_users_comes_where_the_capability_is_missing() {
        let status = |set: &str| about_users(&format!("CapPrm:\t0\nCapEff:\t{set}\n")).is_some();
        assert!(status("000001fffeffffff") && !status("000001ffffffffff"));
        assert_eq!(about_users(""), None, "nothing is known");
    }

    #[test]
    fn runc_s_root_is_where_the_container_s_state_is() {
        let base = tempfile::tempdir().unwrap();
        let root = base.path().join("runtime-shell_trap/moby");
        std::fs::create_dir_all(root.join("ab")).unwrap();
        std::fs::create_dir_all(base.path().join("runtime-runc/moby")).unwrap();
        assert!(runc_root(Some(base.path()), "ab").is_err());
        std::fs::write(root.join("ab/state.json"), "{}").unwrap();
        assert_eq!(runc_root(Some(base.path()), "ab").unwrap(), root);
    }
}
