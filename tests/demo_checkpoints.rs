//! Case III of the demo with real checkpoints: a Docker daemon and a CRIU of the test's own, whose OCI runtime is this very program
//! under the agent's name. Needs root.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

#[path = "support/demo.rs"]
#[expect(dead_code, reason = "shared with the tests of the other cases")]
mod demo;
#[path = "support/long_running.rs"]
mod long_running;

use std::path::PathBuf;
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use demo::Demo;
use long_running::check_case_three;

const SUPPORT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/shell_trap/tests/support");

/// A Docker that can restore containers. Ended when it is dropped.
struct Node {
    directory: tempfile::TempDir,
    criu: PathBuf,
}

impl Node {
    fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let criu = Command::new("sh").arg(format!("{SUPPORT}/criu.sh")).output().unwrap();
        assert!(criu.status.success(), "criu.sh: {}", String::from_utf8_lossy(&criu.stderr));
        let criu = PathBuf::from(String::from_utf8(criu.stdout).unwrap().trim());
        let agent = directory.path().join("shell_trap");
        std::fs::copy(env!("CARGO_BIN_EXE_mesos-qos"), &agent).unwrap();
        let started = Command::new("sh")
            .arg(format!("{SUPPORT}/node.sh"))
            .arg("start")
            .arg(directory.path())
            .args(["--add-runtime", &format!("shell_trap={}", agent.display())])
            .env("CRIU_BIN", &criu)
            .output()
            .unwrap();
        assert!(started.status.success(), "node.sh: {}", String::from_utf8_lossy(&started.stderr));
        Node { directory, criu }
    }

    fn host(&self) -> String {
        format!("unix://{}", self.directory.path().join("sock").display())
    }

    /// The demo on it.
    fn demo(&self) -> Demo {
        let path = format!("{}:{}", self.criu.display(), std::env::var("PATH").unwrap_or_default());
        Demo::with(vec![("DOCKER_HOST", self.host()), ("PATH", path)])
    }

    fn containers(&self) -> String {
        let arguments = ["--host", &self.host(), "ps", "-aq"];
        let output = Command::new("docker").args(arguments).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // A container's shim would outlive the daemon.
        let ids = Command::new("docker").args(["--host", &self.host(), "ps", "-aq"]).output();
        let ids = ids.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
        if !ids.trim().is_empty() {
            let _ =
                Command::new("docker").args(["--host", &self.host(), "rm", "-f"]).args(ids.split_whitespace()).status();
        }
        let _ = Command::new("sh").arg(format!("{SUPPORT}/node.sh")).arg("stop").arg(self.directory.path()).status();
    }
}

/// Groups that demos have left in any hierarchy: those of ended processes.
fn groups() -> Vec<PathBuf> {
    let mounts = procfs::process::Process::myself().unwrap().mountinfo().unwrap();
    let mounts = mounts.into_iter().filter(|mount| mount.fs_type.starts_with("cgroup"));
    let entries = mounts.flat_map(|mount| std::fs::read_dir(mount.mount_point).into_iter().flatten().flatten());
    let ours = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        name.strip_prefix("mesos-qos-demo-").is_some_and(|pid| !std::path::Path::new("/proc").join(pid).exists())
    };
    entries.map(|entry| entry.path()).filter(ours).collect()
}

/// One demo at a time: each has most of this machine for its virtual CPUs.
static TURN: Mutex<()> = Mutex::new(());

/// The published policy takes CPU away until the job just keeps its deadline: it does when it gets what it is allowed, and needs no
/// more than it declared (the machine may have become slower since it was measured).
fn on_time_unless_hindered(job: &serde_json::Value) {
    let seconds = |key: &str| job["long_running"][key].as_f64().unwrap();
    let withheld = seconds("cpu_seconds_kernel") < 0.95 * seconds("cpu_seconds_allowed");
    let longer = seconds("cpu_seconds_kernel") > 1.02 * seconds("cpu_seconds_declared");
    assert!(job["on_time"] == true || withheld || longer, "{job}");
}

/// With all of its first CPU the job is ahead of its plan by a fifth, and loses some of it. Of less than nine tenths it is not, and no
/// resize is right; that each one follows from what was measured is checked for every run.
fn resized_unless_hindered(job: &serde_json::Value, lost: impl Fn(f64) -> bool) {
    let long = &job["long_running"];
    let seconds = |key: &str| long[key].as_f64().unwrap();
    let resizes = long["resizes"].as_array().unwrap();
    assert!(resizes.iter().all(|resize| lost(resize["lost_s"].as_f64().unwrap())), "{long}");
    let withheld = seconds("cpu_seconds_kernel") < 0.95 * seconds("cpu_seconds_allowed");
    assert!(!resizes.is_empty() || withheld, "{long}");
}

/// One daemon for all of it. A resize by a checkpoint loses no work: the program's own count over all segments is that of the log.
#[test]
fn with_docker_and_criu_the_job_is_resized_by_checkpoints_and_neither_its_end_nor_an_interrupt_leaves_anything() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let node = Node::start();
    let before = groups();

    node.demo().interrupt_at("/openmplinpack1 ", 1, &["--cases", "iii", "--rescale", "restart", "--json"]);
    assert_eq!(node.containers(), "", "an interrupt leaves no container");

    let demo = node.demo();
    let output = demo.command(&["--cases", "iii", "--policy", "step", "--json", "--keep"]).output().unwrap();
    let result = check_case_three(&output, &demo.kept(), "restart", "docker");
    let (long, case) = (&result["jobs"][0]["long_running"], &result["cases"][0]);
    assert_eq!(case["speed"], 5.0, "checkpoints take the same time at every speed: {case}");
    assert!(long["why"].as_str().unwrap().contains("CRIU"), "{long}");
    resized_unless_hindered(&result["jobs"][0], |lost| lost > 0.0);
    on_time_unless_hindered(&result["jobs"][0]);
    assert_eq!(node.containers(), "", "a complete run leaves no container");
    assert_eq!(demo.traces(), Vec::<String>::new());
    let left: Vec<_> = groups().into_iter().filter(|group| !before.contains(group)).collect();
    assert!(left.is_empty(), "{left:?}");
}

/// The container keeps running: one task, one segment, and the program's own count is the log's and the kernel's.
#[test]
fn where_that_is_asked_for_the_container_is_resized_in_place_and_goes_on_without_a_restart() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let node = Node::start();
    let before = groups();
    let demo = node.demo();
    let wish = ["--policy", "step", "--rescale", "in-place", "--executor", "docker"];
    let output = demo.run_fast("20", &[&["--cases", "iii", "--json", "--keep"][..], &wish].concat());
    // Segments and launches are counted, and CPU times compared, in here.
    let result = check_case_three(&output, &demo.kept(), "in-place", "docker");
    let (job, long) = (&result["jobs"][0], &result["jobs"][0]["long_running"]);
    resized_unless_hindered(job, |lost| lost == 0.0);
    assert!(long["why"].as_str().unwrap().contains("--rescale"), "{long}");
    on_time_unless_hindered(job);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("a container, resized in place"), "{said}");
    assert_eq!(node.containers(), "", "a complete run leaves no container");
    assert_eq!(demo.traces(), Vec::<String>::new());
    let left: Vec<_> = groups().into_iter().filter(|group| !before.contains(group)).collect();
    assert!(left.is_empty(), "{left:?}");
}
