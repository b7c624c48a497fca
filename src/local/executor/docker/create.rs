//! A task as `docker create`: the command line tool knows every option that a job's `parameters` may name.

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::process::Command;

use crate::local::executor::limit::Bandwidth;
use crate::local::executor::{ContainerSpec, ExecutorError, TaskSpec};

/// Where a task finds its sandbox, as under Mesos.
const SANDBOX: &str = "/mnt/mesos/sandbox";
/// Options that are this executor's own business.
const OURS: [&str; 11] = [
    "cgroup-parent",
    "cidfile",
    "cpu-period",
    "cpu-quota",
    "cpus",
    "detach",
    "env-file",
    "label-file",
    "memory",
    "name",
    "rm",
];
/// The daemon refuses less memory, MiB.
const LEAST_MEMORY: f64 = 6.0;

/// What a container is created with beside its task.
#[derive(Debug)]
pub struct Frame<'a> {
    /// Name of the container.
    pub name: &'a str,
    /// `key=value`.
    pub label: &'a str,
    /// Its image.
    pub image: &'a str,
    /// Its limit.
    pub bandwidth: Bandwidth,
    /// The control group above it.
    pub cgroup_parent: Option<&'a str>,
    /// Environment; later entries win.
    pub env: Vec<(String, String)>,
    /// A directory for the environment file, which is gone when this returns.
    pub private: &'a Path,
}

/// Creates the container and returns its id.
///
/// # Errors
/// When an option is refused, here or by Docker.
pub async fn create(host: &str, spec: &TaskSpec, frame: Frame<'_>) -> Result<String, ExecutorError> {
    let about = |e: &dyn std::fmt::Display| ExecutorError(format!("task {}: {e}", spec.id));
    let none = ContainerSpec::default();
    let container = spec.container.as_ref().unwrap_or(&none);
    let (parameters, mut env) = parameters(container).map_err(|e| about(&e))?;
    env.extend(frame.env.iter().cloned());
    env.push(("MESOS_SANDBOX".into(), SANDBOX.into()));
    let (file, inherited) = EnvFile::write(frame.private, frame.name, &env).map_err(|e| about(&e))?;

    let mut command = Command::new("docker");
    command.args(["--host", host, "create", "--name", frame.name, "--label", frame.label]);
    command.arg(format!("--cpu-period={}", frame.bandwidth.period_us));
    command.arg(format!("--cpu-quota={}", frame.bandwidth.quota_us));
    command.arg(format!("--memory={}k", (spec.memory_mib.max(LEAST_MEMORY) * 1024.0).ceil()));
    if let Some(parent) = frame.cgroup_parent {
        command.args(["--cgroup-parent", parent]);
    }
    command.arg("--network").arg(network(container));
    command.arg("--env-file").arg(&file.0);
    for (name, value) in inherited {
        // Without a value the tool takes it from its own environment: not even here is a value an argument.
        command.args(["--env", &name]).env(&name, value);
    }
    command.arg("--mount").arg(mount(&spec.sandbox.display().to_string(), SANDBOX, false));
    for (source, target, read_only) in &container.volumes {
        command.arg("--mount").arg(mount(source, target, *read_only));
    }
    command.args(parameters);
    match spec.argv.as_slice() {
        // The form that a job's command takes; as under Mesos it replaces the image's entry point.
        [shell, flag, ..] if shell == "/bin/sh" && flag == "-c" => {
            command.args(["--entrypoint", shell, "--", frame.image]).args(&spec.argv[1..]);
        }
        arguments => {
            command.args(["--", frame.image]).args(arguments);
        }
    }
    // In a process group of its own: an interrupt from the keyboard is for us alone.
    command.stdin(Stdio::null()).process_group(0).kill_on_drop(true);
    let output = command.output().await.map_err(|e| about(&format_args!("the docker command: {e}")))?;
    if !output.status.success() {
        let reason = String::from_utf8_lossy(&output.stderr);
        return Err(about(&format_args!("docker create: {}", reason.trim())));
    }
    let id = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    if id.len() == 64 && id.bytes().all(|b| b.is_ascii_hexdigit()) {
        Ok(id)
    } else {
        Err(about(&format_args!("docker create: {id:?} is no container id")))
    }
}

fn network(container: &ContainerSpec) -> String {
    match container.network.as_deref() {
        None | Some("HOST") => "host".into(),
        Some("BRIDGE") => "bridge".into(),
        Some(other) => other.to_owned(),
    }
}

/// One `--mount`: a line of comma separated values, so that any path can be written.
fn mount(source: &str, target: &str, read_only: bool) -> String {
    let quoted = |key: &str, value: &str| format!("\"{key}={}\"", value.replace('"', "\"\""));
    let mut line = format!("type=bind,{},{}", quoted("source", source), quoted("target", target));
    if read_only {
        line.push_str(",readonly");
    }
    line
}

/// A container's further options, and the environment among them: that must not become an argument.
type Parameters = (Vec<String>, Vec<(String, String)>);

fn parameters(container: &ContainerSpec) -> Result<Parameters, String> {
    let (mut options, mut env) = (Vec::new(), Vec::new());
    for (key, value) in &container.parameters {
        let plain = !key.is_empty()
            && !key.starts_with('-')
            && key.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if !plain {
            return Err(format!(
                "container parameter {key:?}: the name of a docker run option without dashes is wanted"
            ));
        }
        if OURS.contains(&key.as_str()) {
            return Err(format!("container parameter {key:?}: the cluster sets this option itself"));
        }
        match (key.as_str(), value.split_once('=')) {
            ("env", Some((name, value))) => env.push((name.to_owned(), value.to_owned())),
            ("env", None) => return Err(format!("container parameter env={value:?}: NAME=VALUE is wanted")),
            _ => options.push(format!("--{key}={value}")),
        }
    }
    Ok((options, env))
}

/// A file only we can read, removed when dropped.
struct EnvFile(PathBuf);

impl EnvFile {
    /// Writes what a line can hold, and returns the rest.
    fn write(directory: &Path, name: &str, env: &[(String, String)]) -> Result<(Self, Vec<(String, String)>), String> {
        let path = directory.join(format!("{name}.env"));
        let file = EnvFile(path.clone());
        let open = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&path);
        let mut opened: File = open.map_err(|e| format!("{}: {e}", path.display()))?;
        let mut inherited = Vec::new();
        for (name, value) in env {
            let odd =
                name.is_empty() || name.contains(['=', '\n', '\0']) || name.starts_with('#') || name.trim() != name;
            if odd || value.contains('\0') {
                return Err(format!(
                    "environment variable {name:?}: this is no name or value that a container can have"
                ));
            }
            if value.contains(['\n', '\r']) {
                // These would change what the docker command itself does.
                if name.starts_with("DOCKER_") || name.starts_with("LD_") || ["PATH", "HOME"].contains(&name.as_str()) {
                    return Err(format!(
                        "environment variable {name}: a value of several lines cannot be given to a container"
                    ));
                }
                inherited.push((name.clone(), value.clone()));
            } else {
                writeln!(opened, "{name}={value}").map_err(|e| format!("{}: {e}", path.display()))?;
            }
        }
        Ok((file, inherited))
    }
}

impl Drop for EnvFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_parameter(key: &str, value: &str) -> ContainerSpec {
        ContainerSpec { parameters: vec![(key.into(), value.into())], ..ContainerSpec::default() }
    }

    #[test]
    fn parameters_are_options_and_never_smuggle_others_in() {
        assert_eq!(parameters(&with_parameter("hostname", "a b")).unwrap().0, ["--hostname=a b"]);
        for key in ["", "-v", "volume=/:/x --privileged", "name", "cpu-quota", "Volume"] {
            assert!(parameters(&with_parameter(key, "x")).is_err(), "{key}");
        }
    }

    #[test]
    fn environment_among_the_parameters_does_not_become_an_argument() {
        let (options, env) = parameters(&with_parameter("env", "SECRET=a=b")).unwrap();
        assert!(options.is_empty());
        assert_eq!(env, [("SECRET".to_owned(), "a=b".to_owned())]);
    }

    #[test]
    fn the_environment_file_is_private_and_short_lived() {
        use std::os::unix::fs::PermissionsExt as _;
        let directory = tempfile::tempdir().unwrap();
        let env = [("A".to_owned(), "it's \"x\" $y".to_owned()), ("B".to_owned(), "two\nlines".to_owned())];
        let (file, inherited) = EnvFile::write(directory.path(), "t", &env).unwrap();
        assert_eq!(fs::read_to_string(&file.0).unwrap(), "A=it's \"x\" $y\n");
        assert_eq!(fs::metadata(&file.0).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(inherited, env[1..]);
        drop(file);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
        assert!(EnvFile::write(directory.path(), "t", &[("A\nB".to_owned(), String::new())]).is_err());
    }

    #[test]
    fn a_mount_holds_any_path() {
        assert_eq!(mount("/a,b:\"c\"", "/x", true), r#"type=bind,"source=/a,b:""c""","target=/x",readonly"#);
    }
}
