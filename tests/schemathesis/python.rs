//! A virtual environment with the pinned program.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

const REQUIREMENTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/schemathesis/requirements.txt");

/// The program `schemathesis` of a virtual environment in the target directory. It is made once and used again while the requirements are
/// the same; making it needs python3 with venv, and a package index or pip's cache.
pub fn program() -> PathBuf {
    let wanted = std::fs::read(REQUIREMENTS).unwrap();
    let venv = Path::new(env!("CARGO_TARGET_TMPDIR")).join("schemathesis");
    // Two test programs may be here at the same time.
    let lock = File::create(venv.with_extension("lock")).unwrap();
    let _held = nix::fcntl::Flock::lock(lock, nix::fcntl::FlockArg::LockExclusive).unwrap();
    let (program, complete) = (venv.join("bin/schemathesis"), venv.join("complete"));
    if std::fs::read(&complete).is_ok_and(|made_of| made_of == wanted) {
        return program;
    }
    run("python3 with its venv module is needed", Command::new("python3").args(["-m", "venv", "--clear"]).arg(&venv));
    let mut pip = Command::new(venv.join("bin/python"));
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement", REQUIREMENTS]);
    run("pip must be able to install tests/schemathesis/requirements.txt", &mut pip);
    std::fs::write(complete, wanted).unwrap();
    program
}

fn run(need: &str, command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{need}: {error}"));
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{need}: {:?} ended with {}\n{text}", command.get_program(), output.status);
}
