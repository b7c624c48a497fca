//! Runs a test of the same program on a disk that is soon full.

use std::path::PathBuf;
use std::process::Command;

/// Tells the test on the small disk where it is mounted.
const DIRECTORY: &str = "SMALL_DISK";

/// Mounts a file system of `mebibytes` in a mount namespace of its own and runs the ignored test `name` there, which finds
/// it with [`directory`]. Nothing stays mounted, whatever the test does.
///
/// # Panics
/// When it cannot be mounted (that takes root, or user namespaces), or the test fails.
pub fn run(mebibytes: u32, name: &str) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let mut unshare = Command::new("unshare");
    unshare.arg("--mount");
    if !nix::unistd::geteuid().is_root() {
        unshare.args(["--user", "--map-root-user"]);
    }
    let script = r#"mount -t tmpfs -o "size=$1m" none "$2" && exec "$3" --ignored --exact "$4""#;
    let output = unshare
        .args(["sh", "-c", script, "sh", &mebibytes.to_string()])
        .arg(directory.path())
        .arg(std::env::current_exe().expect("the path of this test"))
        .arg(name)
        .env(DIRECTORY, directory.path())
        .output()
        .expect("unshare(1) of util-linux");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && text.contains("1 passed"),
        "needs a tmpfs in a mount namespace (root, or user namespaces):\n{text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Where the small disk is mounted.
///
/// # Panics
/// When this process was not started by [`run`].
pub fn directory() -> PathBuf {
    std::env::var_os(DIRECTORY).expect("started by another test of this file").into()
}
