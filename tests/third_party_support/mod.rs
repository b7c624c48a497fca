//! What the tests with clients from PyPI share: a Python environment, and a cluster as a program.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/third_party");

/// The interpreter of a virtual environment in the target directory that has the pinned clients. It is made once and
/// used again while the requirements are the same; making it needs python3 with venv, and a package index.
fn python() -> &'static Path {
    static PYTHON: OnceLock<PathBuf> = OnceLock::new();
    PYTHON.get_or_init(|| {
        let requirements = Path::new(FOLDER).join("requirements.txt");
        let wanted = std::fs::read(&requirements).unwrap();
        let venv = Path::new(env!("CARGO_TARGET_TMPDIR")).join("python-clients");
        // Two test programs may be here at the same time.
        let lock = File::create(venv.with_extension("lock")).unwrap();
        let _held = nix::fcntl::Flock::lock(lock, nix::fcntl::FlockArg::LockExclusive).unwrap();
        let (python, complete) = (venv.join("bin/python"), venv.join("complete"));
        if std::fs::read(&complete).is_ok_and(|made_of| made_of == wanted) {
            return python;
        }
        run(
            "python3 with its venv module is needed",
            Command::new("python3").args(["-m", "venv", "--clear"]).arg(&venv),
        );
        let mut pip = Command::new(&python);
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"])
            .arg(&requirements);
        run("pip must be able to install tests/third_party/requirements.txt", &mut pip);
        std::fs::write(complete, wanted).unwrap();
        python
    })
}

fn run(need: &str, command: &mut Command) {
    let output = command.output().unwrap_or_else(|e| panic!("{need}: {e}"));
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{need}: {:?} ended with {}\n{text}", command.get_program(), output.status);
}

/// `mesos-qos local`, killed when the test fails.
struct Local(Child);

impl Local {
    fn start(dir: &Path, options: &[&str]) -> Local {
        let child = Command::new(env!("CARGO_BIN_EXE_mesos-qos"))
            .args(["local", "--chronos-port", "0", "--marathon-port", "0", "--mesos-port", "0"])
            .args(["--keystone-port", "0", "--monasca-port", "0"])
            .args(["--offer-interval", "100ms", "--credentials-dir"])
            .arg(dir.join("credentials"))
            .arg("--state-dir")
            .arg(dir.join("state"))
            .args(options)
            .stdout(Stdio::null())
            .stderr(File::create(dir.join("stderr")).unwrap())
            .spawn()
            .unwrap();
        Local(child)
    }

    /// A file that appears when it listens.
    fn credentials(&mut self, dir: &Path, name: &str) -> PathBuf {
        let file = dir.join("credentials").join(name);
        let patience = Instant::now() + Duration::from_secs(30);
        while !file.exists() {
            let ended = self.0.try_wait().unwrap();
            let stderr = || std::fs::read_to_string(dir.join("stderr")).unwrap_or_default();
            assert!(ended.is_none() && Instant::now() < patience, "no {name}; {ended:?}: {}", stderr());
            std::thread::sleep(Duration::from_millis(20));
        }
        file
    }

    fn stop(mut self) {
        kill(Pid::from_raw(self.0.id().cast_signed()), Signal::SIGTERM).unwrap();
        assert!(self.0.wait().unwrap().success(), "SIGTERM ends it in order");
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs a script against a cluster of its own; the script gets the credentials file and the version.
pub fn drive(script: &str, credentials: &str, version: &str, options: &[&str]) {
    let dir = tempfile::tempdir().unwrap();
    let mut local = Local::start(dir.path(), options);
    let credentials = local.credentials(dir.path(), credentials);
    let mut command = Command::new(python());
    command.arg(Path::new(FOLDER).join(script)).arg(credentials).arg(version);
    run("the client must find what it expects", &mut command);
    local.stop();
}
