//! Runs tests of the same program in a kernel of their own: user-mode Linux, an ordinary process that needs no rights.
//!
//! What a kernel can do once only can be tried there, whatever this machine has done with it: which version of control groups
//! has the cpu controller, for instance. The guest sees the files of this machine and cannot change them.

use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

/// The first process of the guest. It mounts control groups v2, and no others, and prints a line for each test.
const INIT: &str = include_str!("own_kernel.sh");
/// A guest that hangs is ended after this.
const PATIENCE: Duration = Duration::from_secs(300);

/// Runs the tests with these exact names, ignored ones too, one after the other, each in a process of its own: those in `as_root` as
/// root, those in `as_user` as somebody without rights to whom a control group has been delegated.
///
/// # Panics
/// When one of them fails, or there is no user-mode Linux.
pub fn run(as_root: &[&str], as_user: &[&str]) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let init = directory.path().join("init");
    std::fs::write(&init, INIT).expect("the guest's first program");
    make_executable(&init);
    // Its path may hold what a kernel's command line cannot.
    let own = std::env::current_exe().expect("the path of this test");
    std::os::unix::fs::symlink(own, directory.path().join("test")).expect("a link to this test");
    let mut kernel = Command::new("linux.uml");
    kernel.args(["mem=768M", "rootfstype=hostfs", "rootflags=/", "ro", "quiet", "con=null", "con0=null,fd:1"]);
    kernel.arg(format!("init={}", init.display())).arg(format!("uml_dir={}", directory.path().display()));
    // What the kernel does not know it hands on to its first process: variables of its environment.
    kernel.arg(format!("AS_ROOT={}", as_root.join(","))).arg(format!("AS_USER={}", as_user.join(",")));
    kernel.env("TMPDIR", directory.path()).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut kernel = kernel.process_group(0).spawn().unwrap_or_else(|error| {
        panic!("linux.uml, Debian's package user-mode-linux, is needed for this test: {error}")
    });
    // Where that is permitted. A guest takes time in which its host did other work for time that its own processes have used.
    let favour = ["-n", "-5", "-p", &kernel.id().to_string()];
    let _ = Command::new("renice").args(favour).stdout(Stdio::null()).stderr(Stdio::null()).status();
    let (said, complained) = (reader(kernel.stdout.take()), reader(kernel.stderr.take()));
    let in_time = wait(&mut kernel);
    let group = Pid::from_raw(kernel.id().cast_signed());
    // The guest's processes are processes here; none is left when the kernel ended by itself.
    let _ = killpg(group, Signal::SIGKILL);
    let _ = kernel.wait();
    let (said, complained) = (said.join().unwrap_or_default(), complained.join().unwrap_or_default());
    let passed = |name: &&&str| said.lines().any(|line| line.trim_end() == format!("PASSED {name}"));
    let failed: Vec<_> = as_root.iter().chain(as_user).filter(|name| !passed(name)).collect();
    assert!(in_time && failed.is_empty(), "in time: {in_time}; not passed: {failed:?}\n{said}\n{complained}");
}

fn make_executable(path: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).expect("an executable file");
}

/// Reads all, so that the kernel never waits for it.
fn reader(stream: Option<impl std::io::Read + Send + 'static>) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut stream) = stream {
            let _ = stream.read_to_end(&mut bytes);
        }
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// Whether it ends in time.
fn wait(kernel: &mut Child) -> bool {
    let start = Instant::now();
    while start.elapsed() < PATIENCE {
        if matches!(kernel.try_wait(), Ok(Some(_))) {
            return true;
        }
        thread::sleep(Duration::from_millis(50));
    }
    false
}
