//! Private Docker daemons as nodes, and the shared directory between them.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use serde_json::Value;
use shell_trap::cgroup::Cgroups;

const SUPPORT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support");
pub const AGENT: &str = env!("CARGO_BIN_EXE_shell_trap");
pub const IMAGE: &str = "steps:test";
/// A user that the image lets write into `/work`, and nobody on the machine is.
pub const OTHER_USER: u32 = 61_234;

/// A place for one test: nodes, shared directory, workload.
pub struct Bench {
    pub base: PathBuf,
    pub criu: PathBuf,
    /// A process in whose mount namespace everything of this test runs.
    holder: Option<Child>,
    /// Ends of daemons that are under way: each takes some seconds, which several can take at once.
    ending: Ending,
    _remove: tempfile::TempDir,
}

type Ending = Arc<Mutex<Vec<Child>>>;

/// How a node lets containers be restored.
#[derive(Clone, Copy, PartialEq)]
pub enum Restores {
    /// shell_trap is an OCI runtime of it.
    Runtime,
    /// Experimental API.
    Engine,
    /// None.
    Nothing,
}

impl Restores {
    /// How the agent calls it.
    pub fn said(self) -> &'static str {
        match self {
            Restores::Runtime => "restore=OCI runtime \"shell_trap\" ",
            Restores::Engine => "restore=Engine API (experimental) ",
            Restores::Nothing => "no checkpoints",
        }
    }
}

impl Bench {
    pub fn new() -> Self {
        static CRIU: OnceLock<PathBuf> = OnceLock::new();
        Self::with_criu(CRIU.get_or_init(|| criu(None)))
    }

    /// With a CRIU that dumps TCP sockets on the running kernel.
    pub fn for_sockets() -> Self {
        let kernel = shell_trap::checkpoint::criu::kernel();
        let mut numbers = kernel.split(|c: char| !c.is_ascii_digit()).map(|text| text.parse::<u32>().unwrap());
        let version = (numbers.next().unwrap(), numbers.next().unwrap());
        if version < (6, 16) { Self::new() } else { Self::with_criu(&criu(Some("testing"))) }
    }

    fn with_criu(criu: &Path) -> Self {
        assert!(nix::unistd::geteuid().is_root(), "these tests start Docker daemons and need root");
        let remove = tempfile::Builder::new().prefix("shell_trap-").tempdir().unwrap();
        let base = remove.path().to_owned();
        for directory in ["shared", "root/progress", "root/work"] {
            std::fs::create_dir_all(base.join(directory)).unwrap();
        }
        std::os::unix::fs::chown(base.join("root/work"), Some(OTHER_USER), Some(OTHER_USER)).unwrap();
        let private = std::os::unix::fs::PermissionsExt::from_mode(0o700);
        std::fs::set_permissions(base.join("shared"), private).unwrap();
        let program = base.join("root/steps-program");
        std::fs::write(&program, workload()).unwrap();
        let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(&program, executable).unwrap();
        for directory in ["root", "root/work"] {
            std::fs::write(base.join(directory).join("image-file"), "to be deleted").unwrap();
        }
        std::fs::create_dir(base.join("progress")).unwrap();
        // Whatever user the program is.
        let open = std::os::unix::fs::PermissionsExt::from_mode(0o777);
        std::fs::set_permissions(base.join("progress"), open).unwrap();
        Bench { base, criu: criu.to_owned(), holder: None, ending: Ending::default(), _remove: remove }
    }

    /// What the workloads have done by now is enough: the step under way is their last.
    pub fn enough(&self) {
        std::fs::write(self.base.join("progress/enough"), "").unwrap();
    }

    /// What a workload says at its end when no step was lost, repeated or changed.
    pub fn complete(&self) -> String {
        format!("complete {}\n", self.progress().unwrap().0)
    }

    /// Workloads that are started from here on do all their steps.
    pub fn not_enough(&self) {
        std::fs::remove_file(self.base.join("progress/enough")).unwrap();
    }

    pub fn shared(&self) -> PathBuf {
        self.base.join("shared")
    }

    /// The shared directory is a file system of this size, in a mount namespace that this test made.
    pub fn with_small_shared_directory(mut self, kilobytes: u32) -> Self {
        let script = "mount -t tmpfs -o mode=700,size=\"$1\"k tmpfs \"$2\" && touch \"$2/mounted\" && exec sleep 3600";
        let mut command = Command::new("unshare");
        command
            .args(["-m", "--propagation", "private", "sh", "-c", script, "sh", &kilobytes.to_string()])
            .arg(self.shared());
        self.holder = Some(command.spawn().unwrap());
        super::eventually("the small file system", || self.seen_shared().join("mounted").exists().then_some(()));
        self
    }

    /// The shared directory as this process can reach it.
    pub fn seen_shared(&self) -> PathBuf {
        match &self.holder {
            Some(holder) => PathBuf::from(format!("/proc/{}/root{}", holder.id(), self.shared().display())),
            None => self.shared(),
        }
    }

    /// A command in the test's mount namespace.
    pub fn command(&self, program: &str) -> Command {
        let Some(holder) = &self.holder else { return Command::new(program) };
        let mut command = Command::new("nsenter");
        command.arg(format!("--mount=/proc/{}/ns/mnt", holder.id())).arg("--").arg(program);
        command
    }

    /// Starts a node with the workload's image.
    pub fn node(&self, name: &str, path: Restores) -> Node {
        let options = match path {
            Restores::Runtime => vec!["--add-runtime".to_owned(), format!("shell_trap={AGENT}")],
            Restores::Engine => vec!["--experimental".to_owned()],
            Restores::Nothing => vec![],
        };
        self.node_with(name, options)
    }

    /// Starts a node with these options of its daemon.
    pub fn node_with(&self, name: &str, options: Vec<String>) -> Node {
        let node = Node { directory: self.base.join(name), options, ending: self.ending.clone() };
        self.start(&node);
        let tar = Command::new("sh")
            .args(["-c", "tar -C \"$1\" -c . | docker --host \"unix://$2\" import - \"$3\"", "sh"])
            .arg(self.base.join("root"))
            .arg(node.socket())
            .arg(IMAGE)
            .output()
            .unwrap();
        assert!(tar.status.success(), "docker import: {}", String::from_utf8_lossy(&tar.stderr));
        node
    }

    fn start(&self, node: &Node) {
        let mut command = self.command("sh");
        command.arg(format!("{SUPPORT}/node.sh")).arg("start").arg(&node.directory).args(&node.options);
        checked(command.env("CRIU_BIN", &self.criu), "node.sh");
    }

    /// Ends the node's daemon in order and starts it again.
    pub fn restart(&self, node: &Node) {
        checked(Command::new("sh").arg(format!("{SUPPORT}/node.sh")).arg("stop").arg(&node.directory), "node.sh");
        self.start(node);
    }

    /// Steps and CPU-seconds by the workload's own count.
    pub fn progress(&self) -> Option<(u64, f64)> {
        Self::progress_in(&self.base.join("progress/now"))
    }

    /// The same, of the file that it is in.
    pub fn progress_in(file: &Path) -> Option<(u64, f64)> {
        let text = std::fs::read_to_string(file).ok()?;
        let mut numbers = text.split_whitespace();
        let steps = numbers.next()?.parse().ok()?;
        let micros: f64 = numbers.next()?.parse().ok()?;
        Some((steps, micros / 1e6))
    }
}

/// One Docker daemon.
pub struct Node {
    pub directory: PathBuf,
    options: Vec<String>,
    ending: Ending,
}

impl Node {
    pub fn socket(&self) -> PathBuf {
        self.directory.join("sock")
    }

    pub fn docker(&self, arguments: &[&str]) -> String {
        let output = Command::new("docker")
            .arg("--host")
            .arg(format!("unix://{}", self.socket().display()))
            .args(arguments)
            .output()
            .unwrap();
        assert!(output.status.success(), "docker {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// Ids of all containers.
    pub fn containers(&self) -> Vec<String> {
        self.docker(&["ps", "-aq", "--no-trunc"]).lines().map(str::to_owned).collect()
    }

    pub fn inspect(&self, id: &str) -> Value {
        serde_json::from_str::<Value>(&self.docker(&["inspect", id])).unwrap()[0].clone()
    }

    /// The limit of a container by the kernel, in cores.
    pub fn limit(&self, id: &str) -> f64 {
        let directory = self.group_with_limit(id);
        let read = |name: &str| std::fs::read_to_string(directory.join(name)).ok();
        let (quota, period) = match read("cpu.max") {
            Some(text) => {
                text.trim().split_once(' ').map(|(quota, period)| (quota.to_owned(), period.to_owned())).unwrap()
            }
            None => (read("cpu.cfs_quota_us").unwrap(), read("cpu.cfs_period_us").unwrap()),
        };
        // "max" and "-1".
        let quota = quota.trim().parse::<f64>().ok().filter(|quota| *quota > 0.0).unwrap_or(f64::INFINITY);
        quota / period.trim().parse::<f64>().unwrap()
    }

    /// Takes a container's limit away, past Docker.
    pub fn lift_limit(&self, id: &str) {
        let directory = self.group_with_limit(id);
        let second = directory.join("cpu.max");
        let (file, most) = if second.exists() { (second, "max") } else { (directory.join("cpu.cfs_quota_us"), "-1") };
        std::fs::write(file, most).unwrap();
    }

    fn group_with_limit(&self, id: &str) -> PathBuf {
        let counters = Cgroups::find().unwrap().of_process(self.process(id)).unwrap();
        PathBuf::from(counters.to_string_lossy().replacen("/cpuacct/", "/cpu/", 1))
    }

    /// The first process of a container, by its number on the node.
    pub fn process(&self, id: &str) -> i32 {
        i32::try_from(self.inspect(id)["State"]["Pid"].as_i64().unwrap()).unwrap()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = std::fs::read_to_string(self.directory.join("log")).unwrap_or_default();
            let from = log.lines().count().saturating_sub(40);
            let last: Vec<&str> = log.lines().skip(from).collect();
            println!("--- log of the daemon of {} ---\n{}", self.directory.display(), last.join("\n"));
        }
        // Containers first: their shims would outlive the daemon.
        let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let ids = self.containers();
            if !ids.is_empty() {
                let mut arguments = vec!["rm", "-f"];
                arguments.extend(ids.iter().map(String::as_str));
                self.docker(&arguments);
            }
        }));
        let stop = Command::new("sh").arg(format!("{SUPPORT}/node.sh")).arg("stop").arg(&self.directory).spawn();
        self.ending.lock().unwrap_or_else(PoisonError::into_inner).extend(stop);
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        // Before the directories go. A node is dropped before the bench that it borrows nothing of, by the order in the tests.
        for mut stop in self.ending.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            let _ = stop.wait();
        }
        if let Some(mut holder) = self.holder.take() {
            let _ = holder.kill();
            let _ = holder.wait();
        }
    }
}

/// Where a CRIU is, of this suite of Debian or any that works.
fn criu(suite: Option<&str>) -> PathBuf {
    let mut command = Command::new("sh");
    command.arg(format!("{SUPPORT}/criu.sh")).envs(suite.map(|suite| ("CRIU_SUITE", suite)));
    PathBuf::from(String::from_utf8(checked(&mut command, "criu.sh").stdout).unwrap().trim())
}

/// The workload, compiled once for all tests.
fn workload() -> &'static [u8] {
    static PROGRAM: OnceLock<Vec<u8>> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let directory = tempfile::tempdir().unwrap();
        let program = directory.path().join("steps");
        let source = format!("{SUPPORT}/steps.c");
        checked(
            Command::new("gcc").args(["-O1", "-static", "-o"]).arg(&program).arg(source),
            "gcc -static (gcc, libc6-dev)",
        );
        std::fs::read(program).unwrap()
    })
}

/// The kernel lets root read and set the limits of another user's process: what CRIU needs for it, and what a privileged
/// container is given.
pub fn has_sys_resource() -> bool {
    capabilities("self") & (1 << 24) != 0
}

/// The capabilities that a process has, by `/proc`.
pub fn capabilities(process: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let set = status.lines().find_map(|line| line.strip_prefix("CapEff:")).unwrap().trim();
    u64::from_str_radix(set, 16).unwrap()
}

/// Runs a helper; its failure is the test's.
pub fn checked(command: &mut Command, what: &str) -> Output {
    let output = command.output().unwrap_or_else(|e| panic!("{what}: {e}"));
    assert!(output.status.success(), "{what}: {}", String::from_utf8_lossy(&output.stderr));
    output
}
