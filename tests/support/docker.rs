//! A Docker daemon of the test's own.

use std::path::Path;
use std::process::Command;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/dockerd.sh");

/// Ended when it is dropped, with whatever it ran.
pub struct Daemon {
    directory: tempfile::TempDir,
    /// The value for `DOCKER_HOST`.
    pub host: String,
}

impl Daemon {
    /// Starts one; that takes root and some seconds.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn start() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        // Not through a pipe: the daemon would hold its other end open.
        let answer = directory.path().join("host");
        let file = std::fs::File::create(&answer).expect("a file for the answer");
        let start = Command::new("sh").args([SCRIPT, "start"]).arg(directory.path()).stdout(file).status();
        assert!(
            start.is_ok_and(|status| status.success()),
            "a Docker daemon is needed for this test: see tests/support/dockerd.sh"
        );
        let host = std::fs::read_to_string(answer).expect("the script's answer").trim().to_owned();
        Daemon { directory, host }
    }

    /// Where its files are; there is room for others.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// What `docker` prints when it is asked this of the daemon.
    pub fn docker(&self, arguments: &[&str]) -> String {
        let output = Command::new("docker").args(["--host", &self.host]).args(arguments).output().expect("docker(1)");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = Command::new("sh").args([SCRIPT, "stop"]).arg(self.path()).status();
    }
}
