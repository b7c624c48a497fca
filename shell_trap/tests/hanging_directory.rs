//! The shared directory hangs, as a file server that is away has it: the task does what it is asked to all the same. A pipe
//! where a file is expected keeps whoever opens it waiting.

#![expect(clippy::unwrap_used, reason = "tests")]

#[path = "support/process_job.rs"]
#[expect(dead_code, reason = "shared with the tests of processes")]
mod process_job;
#[path = "real/support/supervisor.rs"]
#[expect(dead_code, reason = "shared with the tests of containers")]
mod supervisor;

use std::fs;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use process_job::{Agent, Job, eventually, pid_of, shared_directory};
use supervisor::Supervisor;

/// What [`Job`] gives its tasks.
const GRACE: Duration = Duration::from_secs(30);

/// A job in a shared directory of its own, and its part of it.
fn job(shared: &Path, supervisor: &Supervisor) -> (Job, PathBuf) {
    let (url, text) = (supervisor.url(), shared.to_str().unwrap());
    let job = Job::new(&[
        ("SHELL_TRAP_CHECKPOINT_DIR", text),
        ("SHELL_TRAP_SUPERVISOR", &url),
        ("SHELL_TRAP_LEASE_SECONDS", "5"),
    ]);
    let directory = shared.join(job.uuid.replace('-', ""));
    fs::DirBuilder::new().mode(0o700).create(&directory).unwrap();
    (job, directory)
}

fn hangs(path: &Path) {
    mkfifo(path, Mode::S_IRUSR | Mode::S_IWUSR).unwrap();
}

/// Asks the task to end; how it does, and that it does so in time.
fn end(agent: &mut Agent) -> Option<i32> {
    let asked = Instant::now();
    kill(pid_of(agent), Signal::SIGTERM).unwrap();
    let status = eventually("the end of the task", || agent.try_wait().unwrap());
    assert!(asked.elapsed() < GRACE, "the framework would have killed it");
    status.code()
}

#[test]
fn a_start_that_hangs_is_ended_before_anything_has_run() {
    for file in ["finished.json", "execution.draft", "outbox-0000000000.json"] {
        let (shared, supervisor) = (shared_directory(), Supervisor::start());
        let (job, directory) = job(shared.path(), &supervisor);
        hangs(&directory.join(file));
        let ran = job.directory.path().join("ran");
        let mut agent = job.start(&format!("echo >{}", ran.display()));
        let lease = directory.join("lease/0000000001");
        eventually("the lease", || lease.exists().then_some(()));
        std::thread::sleep(Duration::from_millis(300));
        assert_eq!(end(&mut agent), Some(143), "{file}");
        assert!(fs::read_to_string(&lease).unwrap().contains("\"released\":true"), "{file}");
        assert!(supervisor.requests().is_empty() && !ran.exists(), "{file}");
    }
}

#[test]
fn a_renewal_that_hangs_does_not_keep_the_program_from_the_signal() {
    let (shared, supervisor) = (shared_directory(), Supervisor::start());
    let (job, directory) = job(shared.path(), &supervisor);
    let asked = job.directory.path().join("asked");
    let script = format!("trap 'echo >{}; exit 3' TERM; while :; do sleep 0.05; done", asked.display());
    let (mut agent, log) = job.start_with_log(&script);
    eventually("the start", || (!supervisor.samples("start").is_empty()).then_some(()));
    let lease = directory.join("lease/0000000001");
    fs::remove_file(&lease).unwrap();
    hangs(&lease);
    // Longer than from one renewal to the next, and shorter than a look at the directory may take.
    std::thread::sleep(Duration::from_secs(2));
    assert!(!asked.exists());
    assert_eq!(end(&mut agent), Some(3));
    assert!(asked.exists());
    let (said, asked) = (fs::read_to_string(&log).unwrap(), "asked to end");
    let before = said.split(asked).next().unwrap();
    assert!(said.contains(asked) && !before.contains("does not answer"), "{said}");
}

#[test]
fn an_end_that_cannot_be_written_down_is_told_and_keeps_the_task_no_longer_than_its_grace() {
    let (shared, supervisor) = (shared_directory(), Supervisor::start());
    let (job, directory) = job(shared.path(), &supervisor);
    hangs(&directory.join("finished.draft"));
    let (mut agent, log) = job.start_with_log("exit 7");
    eventually("the end", || (!supervisor.samples("end").is_empty()).then_some(()));
    assert_eq!(end(&mut agent), Some(7));
    assert_eq!(supervisor.posted("/endMarathonApp")[0]["exit_code"], 7);
    let said = fs::read_to_string(&log).unwrap();
    assert!(said.contains("may not be written down: the shared directory does not answer"), "{said}");
    assert!(!directory.join("finished.json").exists());
}
