//! shell_trap as OCI runtime: passes everything to runc, but a `create` whose container asks for it becomes a restore.
//!
//! A restore through the runtime needs no experimental daemon, copies no image into Docker's own directories, leaves
//! nothing behind, and fails with a clear error where the Engine API's way is flaky.

pub mod args;
pub mod resume;

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::Read as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::sync::mpsc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use self::args::Call;
use self::resume::Resume;
use crate::cgroup::Cgroups;
use crate::checkpoint::{criu, secure};
use crate::docker::create::{ENV_CORES, ENV_OUTCOME, ENV_RESTORE};

/// Left in the bundle of a restored container, with its first process: it stands still until `start` comes. A program
/// that ended before would be lost to the shim, and its exit code with it.
const RESTORED: &str = "shell_trap-restored";
/// Configurations of containers have some ten kilobytes.
const LARGEST_CONFIG: u64 = 8 << 20;

/// What the agent learns about a restore, through a file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// CPU time that the restore itself took, before the program went on, in nanoseconds.
    pub restore_cpu_ns: u64,
    /// The user mode part.
    pub restore_user_ns: u64,
    /// Read in the instant itself, and not after it.
    #[serde(default)]
    pub in_time: bool,
}

/// How long a restore of this size may take: CRIU spins for ever on some damaged images.
pub fn deadline(image_bytes: u64) -> Duration {
    Duration::from_secs(30) + Duration::from_millis(20) * u32::try_from(image_bytes >> 20).unwrap_or(u32::MAX / 64)
}

/// Does what the shim asked; returns the exit code, or not at all where runc takes over.
///
/// # Errors
/// What could not be done; the shim reports it to Docker.
pub fn run(arguments: &[OsString]) -> Result<i32> {
    let arguments = match arguments {
        [first, rest @ ..] if first == "oci-runtime" => rest,
        all => all,
    };
    let call = args::parse(arguments);
    let runc = criu::runc()?;
    match call.command.as_str() {
        "create" => {
            let bundle = call.bundle.clone().unwrap_or_else(|| PathBuf::from("."));
            if let Some(images) = variable(&bundle, ENV_RESTORE)? {
                return match restore(&runc, &call, &bundle, Path::new(&images)) {
                    Err(error) => {
                        log(&call, &format!("{error:#}"));
                        Err(error)
                    }
                    ok => ok,
                };
            }
        }
        // The shim calls with the bundle as working directory.
        "start" if Path::new(RESTORED).exists() => {
            let pid: i32 = fs::read_to_string(RESTORED)?.trim().parse().context(RESTORED)?;
            Cgroups::find()?.thaw_process(pid);
            return Ok(0);
        }
        _ => {}
    }
    let error = Command::new(&runc).args(arguments).exec();
    Err(error).with_context(|| format!("executing {}", runc.display()))
}

fn variable(bundle: &Path, name: &str) -> Result<Option<String>> {
    let path = bundle.join("config.json");
    let mut text = Vec::new();
    File::open(&path)
        .and_then(|file| file.take(LARGEST_CONFIG).read_to_end(&mut text))
        .with_context(|| path.display().to_string())?;
    let config: Value = serde_json::from_slice(&text).with_context(|| path.display().to_string())?;
    let variables = config["process"]["env"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let value = variables.filter_map(|v| v.strip_prefix(name)?.strip_prefix('=')).next_back();
    Ok(value.map(str::to_owned))
}

fn restore(runc: &Path, call: &Call, bundle: &Path, images: &Path) -> Result<i32> {
    secure::check(images).context("images to restore from")?;
    let size = fs::read_dir(images)?.flatten().filter_map(|entry| entry.metadata().ok()).map(|m| m.len()).sum();
    let work = bundle.join("restore");
    fs::create_dir_all(&work).with_context(|| work.display().to_string())?;
    let mut command = Command::new(runc);
    command.args(&call.global).args(["restore", "--detach", "--file-locks", "--bundle"]).arg(bundle);
    command.arg("--image-path").arg(images).arg("--work-path").arg(&work);
    if let Some(file) = &call.pid_file {
        command.arg("--pid-file").arg(file);
    }
    if let Some(socket) = &call.console_socket {
        command.arg("--console-socket").arg(socket);
    }
    if call.no_pivot {
        command.arg("--no-pivot");
    }
    // The container's own streams are those that the shim gave to this process.
    command.arg(&call.id).process_group(0);
    let cores = variable(bundle, ENV_CORES)?.map(|text| text.parse::<f64>()).transpose().context(ENV_CORES)?;
    let resume = Resume::prepare(&work)?;
    if let Some(resume) = &resume {
        resume.arrange(&mut command, cores);
    }
    let status = within(&mut command, deadline(size)).inspect_err(|_| end_half_restored(bundle))?;
    if !status.success() {
        end_half_restored(bundle);
        bail!("the restore failed ({status}): {}", last_errors(&work).unwrap_or_else(|| "without a word".into()));
    }
    hand_over(call, bundle, resume.as_ref(), cores).inspect_err(|_| end_half_restored(bundle))?;
    Ok(0)
}

/// Has the restored program stand still until `start` comes, and tells the agent what the restore took.
fn hand_over(call: &Call, bundle: &Path, resume: Option<&Resume>, cores: Option<f64>) -> Result<()> {
    let pid_file = call.pid_file.as_deref().context("create came without --pid-file")?;
    let pid: i32 = fs::read_to_string(pid_file)?.trim().parse().context("the restored process's number")?;
    let cgroups = Cgroups::find()?;
    // A CRIU that did not call: some hundredths of a second of the program's work are taken for the restore's.
    let late = || used(&cgroups, &cgroups.of_process(pid).ok()?).ok();
    let outcome = resume.and_then(Resume::outcome).or_else(late).unwrap_or_default();
    // Where it cannot be frozen it runs from here on, which is no failure.
    let _ = cgroups.freeze_process(pid);
    if outcome.in_time {
        kill(Pid::from_raw(pid), Signal::SIGCONT).context("letting the program go on")?;
    }
    if let Some(cores) = cores
        && let Err(error) = cgroups.limit_process(pid, cores)
    {
        // The agent sets it once more, through Docker.
        log(call, &format!("the limit of {cores} cores: {error:#}"));
    }
    if let Some(file) = variable(bundle, ENV_OUTCOME)? {
        fs::write(&file, serde_json::to_vec(&outcome)?).with_context(|| file.clone())?;
    }
    fs::write(bundle.join(RESTORED), pid.to_string()).context("marking the bundle")?;
    Ok(())
}

fn used(cgroups: &Cgroups, group: &Path) -> Result<Outcome> {
    let time = cgroups.cpu_time(group)?;
    let nanoseconds = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
    Ok(Outcome { restore_cpu_ns: nanoseconds(time.total), restore_user_ns: nanoseconds(time.user), in_time: false })
}

/// Processes that CRIU has made so far are in no session of ours; they are in the container's group.
fn end_half_restored(bundle: &Path) {
    let config = fs::read(bundle.join("config.json")).ok().and_then(|text| serde_json::from_slice::<Value>(&text).ok());
    let group = config.as_ref().and_then(|config| config["linux"]["cgroupsPath"].as_str());
    // With the systemd driver this is no path; Docker's own removal ends them then.
    let (Some(group), Ok(cgroups)) = (group.filter(|group| group.starts_with('/')), Cgroups::find()) else { return };
    for pid in cgroups.members(&cgroups.directory(group)) {
        let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
    }
    // What is frozen does not end.
    cgroups.thaw(group);
}

/// Waits for runc, at most `limit`; then its whole group is killed.
fn within(command: &mut Command, limit: Duration) -> Result<ExitStatus> {
    let mut child = command.spawn().context("starting runc")?;
    let group = Pid::from_raw(i32::try_from(child.id())?);
    let (done, over) = mpsc::channel::<()>();
    let watchdog = std::thread::spawn(move || {
        let late = over.recv_timeout(limit) == Err(mpsc::RecvTimeoutError::Timeout);
        if late {
            let _ = killpg(group, Signal::SIGKILL);
        }
        late
    });
    let status = child.wait();
    drop(done);
    // It holds nothing that could panic.
    if watchdog.join().unwrap_or(false) {
        bail!("the restore took longer than {} s and was ended", limit.as_secs());
    }
    status.context("waiting for runc")
}

fn last_errors(work: &Path) -> Option<String> {
    let text = fs::read(work.join("restore.log")).ok()?;
    let text = String::from_utf8_lossy(&text);
    let errors: Vec<&str> = text.lines().filter(|line| line.contains("Error")).collect();
    (!errors.is_empty()).then(|| errors[..errors.len().min(3)].join(" | "))
}

/// The shim shows Docker the last error in the log that it named.
fn log(call: &Call, message: &str) {
    let mut options = call.global.iter();
    let Some(file) = options.find(|option| *option == "--log").and(options.next()) else { return };
    let line = serde_json::json!({"level": "error", "msg": message, "time": "1970-01-01T00:00:00Z"});
    let written = File::options().append(true).create(true).open(file).and_then(|mut f| {
        use std::io::Write as _;
        writeln!(f, "{line}")
    });
    // What cannot be logged still reaches the shim by the exit code.
    let _ = written;
}

/// The agent's side: reads what the entry wrote.
///
/// # Errors
/// When the container was started by another way.
pub fn read_outcome(file: &Path) -> Result<Outcome> {
    let text = fs::read(file).with_context(|| file.display().to_string())?;
    ensure!(!text.is_empty(), "{} is empty", file.display());
    serde_json::from_slice(&text).with_context(|| file.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_variable_of_a_name_counts() {
        let bundle = tempfile::tempdir().unwrap();
        let config =
            serde_json::json!({"process": {"env": ["A=1", "SHELL_TRAP_RESTORE=/x", "SHELL_TRAP_RESTORE=/y=z"]}});
        fs::write(bundle.path().join("config.json"), config.to_string()).unwrap();
        assert_eq!(variable(bundle.path(), ENV_RESTORE).unwrap().as_deref(), Some("/y=z"));
        assert_eq!(variable(bundle.path(), ENV_OUTCOME).unwrap(), None);
    }

    #[test]
    fn a_restore_from_a_directory_that_others_can_write_is_refused() {
        use std::os::unix::fs::PermissionsExt as _;
        let images = tempfile::tempdir().unwrap();
        fs::set_permissions(images.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let error = restore(Path::new("/bin/true"), &Call::default(), images.path(), images.path()).unwrap_err();
        assert!(format!("{error:#}").contains("chmod 700"));
    }

    #[test]
    fn a_restore_that_hangs_is_ended() {
        let began = std::time::Instant::now();
        let mut command = Command::new("sleep");
        command.arg("600").process_group(0);
        assert!(within(&mut command, Duration::from_millis(50)).unwrap_err().to_string().contains("longer"));
        assert!(began.elapsed() < Duration::from_secs(300));
    }
}
