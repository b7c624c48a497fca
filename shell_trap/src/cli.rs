//! The program: one file with several roles, told apart by how it is called.

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, Result};

use crate::config::{Config, Environment};
use crate::runtime::process::keeper;
use crate::{check, lease, life, oci, process};

/// The program's file name. A file of another program that contains this one acts as it under this name.
pub const PROGRAM: &str = "shell_trap";

const HELP: &str = "\
Runs a Marathon job in a container that survives resizes: checkpoint on SIGTERM, restore at the next start.

Usage:
  shell_trap                    runs the job that SHELL_TRAP_UUID, SHELL_TRAP_SPEC, ... describe
  shell_trap UUID CHECKPOINT_DIR IMAGE START_URL END_URL DOCKER_OPTIONS COMMAND...
                                the same, as the published Executor was called
  shell_trap check              prints what this node offers; exit code 1 when no checkpoints can be made
  shell_trap oci-runtime ...    the role as Docker's OCI runtime (also without this word, as a shim calls it)
  shell_trap --help | --version

Environment:
  SHELL_TRAP_UUID               the job's uuid
  SHELL_TRAP_SPEC               the job as JSON: image, shell or args, env, volumes, network, ports, parameters, ...
  SHELL_TRAP_SUPERVISOR         base URL of the supervisor; without it nothing is reported
  SHELL_TRAP_TOKEN              the job's callback token
  SHELL_TRAP_CACERT             certificate authorities of the supervisor, a PEM file (default: the node's)
  SHELL_TRAP_CHECKPOINT_DIR     directory that all nodes share; root's, mode 0700
  SHELL_TRAP_GRACE_SECONDS      from SIGTERM to SIGKILL (3)
  SHELL_TRAP_RUNTIME            auto, docker or process (auto: docker when there is an image)
  SHELL_TRAP_DOCKER_SOCKET      (DOCKER_HOST, else /var/run/docker.sock)
  SHELL_TRAP_OCI_RUNTIME        name of the runtime in daemon.json that is this program (shell_trap)
  SHELL_TRAP_RUNC               the runc of this node (found in PATH)
  SHELL_TRAP_CPU_FACTOR         real cores per CPU of the framework (1)
  SHELL_TRAP_CGROUP_PARENT      control group to make the job's own in; task: the task's own (/shell_trap)
  SHELL_TRAP_SAMPLE_SECONDS     between CPU samples (5)
  SHELL_TRAP_LEASE_SECONDS      how long a lease is valid without renewal (15)
  SHELL_TRAP_LEASE_GRACE_SECONDS  additional wait of whoever takes another's lease (5)
  SHELL_TRAP_NO_RESTORE         refuse or fresh: a node that cannot restore meets a checkpoint (refuse)
  SHELL_TRAP_RESTORE_PATIENCE_SECONDS  between two failures of one node to restore that count as two (60)
  SHELL_TRAP_END_WAIT_SECONDS   how long the end waits for the supervisor's answer (300)
  SHELL_TRAP_RUN_DIR            local state of this node (/run/shell_trap)
  SHELL_TRAP_MYCGROUP           /opt/mycgroup keeps cpuacct.stat files for the published Docker plugin (off)
  SHELL_TRAP_LOG                what is logged to standard error (info)
  MARATHON_APP_RESOURCE_CPUS    the allocation (1)

Exit code: the job's own; 0 after a checkpoint; 143 when the task was asked to end and no checkpoint holds the job's work; 75 when the
job was not run or left, and may be tried again; 1 for errors.
";

/// Whether the running program's own file is named [`PROGRAM`], however it was called: the roles that it starts by itself come
/// through `/proc/self/exe`, Docker's by whatever path is in `daemon.json`.
pub fn is_this_program() -> bool {
    std::env::current_exe().is_ok_and(|file| is_named(&file))
}

fn is_named(file: &Path) -> bool {
    let name = file.file_name().map(|name| name.to_string_lossy());
    // The kernel's way to say that the file was removed or replaced meanwhile.
    name.is_some_and(|name| name.strip_suffix(" (deleted)").unwrap_or(&name) == PROGRAM)
}

/// Does what the arguments and the environment of this process say; the exit code.
pub fn main() -> ExitCode {
    if oci::resume::is_action() {
        oci::resume::act();
        return ExitCode::SUCCESS;
    }
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    let done = if oci::args::is_runtime_call(&arguments) { oci::run(&arguments) } else { as_agent(&arguments) };
    match done {
        Ok(code) => ExitCode::from(u8::try_from(code).unwrap_or(1)),
        Err(error) => {
            eprintln!("shell_trap: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn as_agent(arguments: &[OsString]) -> Result<i32> {
    let text: Vec<String> = arguments.iter().map(|a| a.to_string_lossy().into_owned()).collect();
    match text.first().map(String::as_str) {
        Some("--help" | "-h") => print(HELP),
        Some("--version" | "-V") => print(&format!("shell_trap {}\n", env!("CARGO_PKG_VERSION"))),
        Some("enter") => match process::enter(&arguments[1..])? {},
        Some("keep") => keeper::run(&arguments[1..]).map(|()| 0),
        Some("guard") => lease::guard::run(&arguments[1..]).map(|()| 0),
        Some("check") => {
            let (report, works) = runtime()?.block_on(check::node(&Environment::of_process()));
            print(&report).map(|_| i32::from(!works))
        }
        _ => {
            log();
            let config = Config::read(&Environment::of_process(), &text)?;
            let runtime = runtime()?;
            let code = runtime.block_on(life::run(config));
            // A look at a shared directory that hangs must not keep the task.
            runtime.shutdown_background();
            code
        }
    }
}

fn runtime() -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().context("the asynchronous runtime")
}

fn print(text: &str) -> Result<i32> {
    use std::io::Write as _;
    std::io::stdout().write_all(text.as_bytes()).map(|()| 0).context("standard output")
}

fn log() {
    let wanted = std::env::var("SHELL_TRAP_LOG").unwrap_or_else(|_| "info".into());
    let filter =
        tracing_subscriber::EnvFilter::try_new(&wanted).unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .with_target(false)
        .init();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_s_name_decides_also_when_the_file_was_replaced() {
        for (file, is) in [
            ("/a/shell_trap", true),
            ("/a/shell_trap (deleted)", true),
            ("/shell_trap/mesos-qos", false),
            ("/a/shell_trap2", false),
            ("/", false),
        ] {
            assert_eq!(is_named(Path::new(file)), is, "{file}");
        }
    }
}
