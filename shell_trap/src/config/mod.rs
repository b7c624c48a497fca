//! What this start of the agent has to do: from the environment, or from the published seven arguments.

pub mod endpoints;
mod environment;
pub mod positional;
pub mod spec;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};

use self::endpoints::Endpoints;
pub use self::environment::Environment;
use self::environment::framework_env;
use self::positional::Positional;
use self::spec::Spec;
use crate::id::JobId;

/// Which runtime the operator wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RuntimeChoice {
    /// Docker when the job has an image, else a process.
    Auto,
    /// Containers of the node's Docker.
    Docker,
    /// A child process under a control group or duty cycle.
    Process,
}

/// What to do when checkpoints exist and this node cannot restore.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoRestore {
    /// End with an error, so that the framework tries another node: the work is not thrown away.
    Refuse,
    /// Start anew.
    Fresh,
}

/// The callback token. It appears in no log.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(pub String);

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

/// Everything that is configured.
#[derive(Debug, Clone)]
pub struct Config {
    /// The job.
    pub uuid: JobId,
    /// Absent: nothing is reported.
    pub endpoints: Option<Endpoints>,
    /// Sent as bearer token.
    pub token: Option<Token>,
    /// Additional certificate authorities, a PEM file.
    pub cacert: Option<PathBuf>,
    /// Shared between the nodes. Absent (process runtime only): no lease, nothing is remembered.
    pub checkpoint_dir: Option<PathBuf>,
    /// From SIGTERM to SIGKILL.
    pub grace: Duration,
    /// The container.
    pub spec: Spec,
    /// Which runtime.
    pub runtime: RuntimeChoice,
    /// The Engine API's socket.
    pub docker_socket: PathBuf,
    /// Real cores in one CPU of the framework.
    pub cpu_factor: f64,
    /// The control group that the job's own group is made in, or `task` for the one that the framework's task is in; the
    /// default when absent.
    pub cgroup_parent: Option<String>,
    /// Between two CPU samples.
    pub sample: Duration,
    /// The allocation in CPUs of the framework.
    pub cpus: f64,
    /// The framework's id of this task.
    pub task: Option<String>,
    /// How long a lease is valid after its last renewal.
    pub lease: Duration,
    /// Additional wait of whoever takes another's lease.
    pub lease_grace: Duration,
    /// Local state of this node, gone after a boot.
    pub run_dir: PathBuf,
    /// Name of the OCI runtime in `daemon.json` that is this program.
    pub oci_runtime: String,
    /// Where the published Docker plugin of the Monasca agent looks; absent: not maintained.
    pub mycgroup: Option<PathBuf>,
    /// What to do with checkpoints that cannot be restored here.
    pub no_restore: NoRestore,
    /// Two failures to restore on one node count as two only when they are so far apart.
    pub restore_patience: Duration,
    /// How long the end of the job waits for the supervisor's answer.
    pub end_wait: Duration,
    /// Variables of the framework that the job sees too: ports, host, task.
    pub framework_env: BTreeMap<String, String>,
}

impl Config {
    /// Reads everything.
    ///
    /// # Errors
    /// Which variable or argument is wrong, and what would be right.
    pub fn read(environment: &Environment, arguments: &[String]) -> Result<Self> {
        let call = if arguments.is_empty() { None } else { Some(Positional::parse(arguments)?) };
        let (uuid, spec, endpoints, directory) = match call {
            Some(call) => (call.uuid, call.spec, Some(call.endpoints), Some(call.checkpoint_dir)),
            None => (
                environment.parsed("SHELL_TRAP_UUID")?.context("SHELL_TRAP_UUID is missing: the job's uuid")?,
                Spec::parse(
                    environment.text("SHELL_TRAP_SPEC").context("SHELL_TRAP_SPEC is missing: the job as JSON")?,
                )?,
                environment.text("SHELL_TRAP_SUPERVISOR").map(Endpoints::of).transpose()?,
                environment.text("SHELL_TRAP_CHECKPOINT_DIR").map(str::to_owned),
            ),
        };
        let path = |name: &str| environment.text(name).map(PathBuf::from);
        let positive = |name: &str, default: f64| -> Result<f64> {
            let value = environment.parsed(name)?.unwrap_or(default);
            ensure!(value > 0.0 && f64::is_finite(value), "{name}={value}: must be above 0");
            Ok(value)
        };
        let runtime = match environment.text("SHELL_TRAP_RUNTIME").unwrap_or("auto") {
            "auto" => RuntimeChoice::Auto,
            "docker" => RuntimeChoice::Docker,
            "process" => RuntimeChoice::Process,
            other => bail!("SHELL_TRAP_RUNTIME={other:?}: must be auto, docker or process"),
        };
        let no_restore = match environment.text("SHELL_TRAP_NO_RESTORE").unwrap_or("refuse") {
            "refuse" => NoRestore::Refuse,
            "fresh" => NoRestore::Fresh,
            other => bail!("SHELL_TRAP_NO_RESTORE={other:?}: must be refuse or fresh"),
        };
        let config = Config {
            uuid,
            endpoints,
            token: environment.text("SHELL_TRAP_TOKEN").map(|text| Token(text.to_owned())),
            cacert: path("SHELL_TRAP_CACERT"),
            checkpoint_dir: directory.map(PathBuf::from),
            grace: environment.seconds("SHELL_TRAP_GRACE_SECONDS", 3.0, 0.1..=86400.0)?,
            spec,
            runtime,
            docker_socket: docker_socket(environment),
            cpu_factor: positive("SHELL_TRAP_CPU_FACTOR", 1.0)?,
            cgroup_parent: environment.text("SHELL_TRAP_CGROUP_PARENT").map(str::to_owned),
            sample: environment.seconds("SHELL_TRAP_SAMPLE_SECONDS", 5.0, 0.05..=3600.0)?,
            cpus: positive("MARATHON_APP_RESOURCE_CPUS", 1.0)?,
            task: environment.text("MESOS_TASK_ID").map(str::to_owned),
            lease: environment.seconds("SHELL_TRAP_LEASE_SECONDS", 15.0, 1.0..=3600.0)?,
            lease_grace: environment.seconds("SHELL_TRAP_LEASE_GRACE_SECONDS", 5.0, 0.5..=3600.0)?,
            run_dir: path("SHELL_TRAP_RUN_DIR").unwrap_or_else(|| "/run/shell_trap".into()),
            oci_runtime: environment.text("SHELL_TRAP_OCI_RUNTIME").unwrap_or("shell_trap").to_owned(),
            mycgroup: path("SHELL_TRAP_MYCGROUP"),
            no_restore,
            restore_patience: environment.seconds("SHELL_TRAP_RESTORE_PATIENCE_SECONDS", 60.0, 0.0..=86400.0)?,
            end_wait: environment.seconds("SHELL_TRAP_END_WAIT_SECONDS", 300.0, 0.0..=86400.0)?,
            framework_env: framework_env(environment),
        };
        config.checked()
    }

    /// What matters when there is no job, as for `shell_trap check`.
    ///
    /// # Errors
    /// As [`Config::read`].
    pub fn for_check(environment: &Environment) -> Result<Self> {
        let mut variables = environment.0.clone();
        variables.insert("SHELL_TRAP_UUID".into(), "0".repeat(32));
        variables.insert("SHELL_TRAP_SPEC".into(), r#"{"version":1,"args":["true"]}"#.into());
        Self::read(&Environment(variables), &[])
    }

    fn checked(self) -> Result<Self> {
        let wants_docker = match self.runtime {
            RuntimeChoice::Docker => true,
            RuntimeChoice::Process => false,
            RuntimeChoice::Auto => self.spec.image.is_some(),
        };
        if wants_docker {
            ensure!(self.spec.image.is_some(), "SHELL_TRAP_SPEC: image is missing, and SHELL_TRAP_RUNTIME is docker");
            ensure!(
                self.checkpoint_dir.is_some(),
                "SHELL_TRAP_CHECKPOINT_DIR is missing: a directory that all nodes share"
            );
        } else {
            let command = self.spec.command().is_some_and(|words| !words.is_empty());
            ensure!(command, "SHELL_TRAP_SPEC: a process needs a command, as shell or as args");
        }
        if let Some(directory) = &self.checkpoint_dir {
            ensure!(directory.is_absolute(), "SHELL_TRAP_CHECKPOINT_DIR={directory:?}: must be an absolute path");
        }
        Ok(self)
    }

    /// The node's name as Mesos has it: by that a job's place is known. It need not be the name that the machine has for itself, which is
    /// taken where nobody says another.
    pub fn hostname(&self) -> String {
        let own = || nix::unistd::gethostname().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        self.framework_env.get("HOST").filter(|name| !name.is_empty()).cloned().unwrap_or_else(own)
    }

    /// Does the job run in a container?
    pub fn in_container(&self) -> bool {
        self.runtime == RuntimeChoice::Docker || (self.runtime == RuntimeChoice::Auto && self.spec.image.is_some())
    }

    /// The job's own part of the shared directory.
    pub fn job_dir(&self) -> Option<PathBuf> {
        self.checkpoint_dir.as_ref().map(|directory| directory.join(self.uuid.hex()))
    }
}

fn docker_socket(environment: &Environment) -> PathBuf {
    let host = environment.text("DOCKER_HOST").and_then(|host| host.strip_prefix("unix://"));
    environment.text("SHELL_TRAP_DOCKER_SOCKET").or(host).unwrap_or("/var/run/docker.sock").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const UUID: &str = "1b4e28ba-2fa1-11d2-883f-0016d3cca427";

    fn read(extra: &[(&str, &str)]) -> Result<Config> {
        let base = [
            ("SHELL_TRAP_UUID", UUID),
            ("SHELL_TRAP_SPEC", r#"{"version":1,"image":"img"}"#),
            ("SHELL_TRAP_CHECKPOINT_DIR", "/shared"),
            ("SHELL_TRAP_SUPERVISOR", "http://127.0.0.1:30000"),
            ("SHELL_TRAP_TOKEN", "hush"),
        ];
        let all = base.iter().chain(extra).map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
        Config::read(&Environment::of(all), &[])
    }

    #[test]
    fn defaults_and_marathon_s_variables() {
        let config =
            read(&[("MARATHON_APP_RESOURCE_CPUS", "1.4"), ("PORT0", "31000"), ("PORTAL", "x"), ("HOST", "n1")])
                .unwrap();
        assert!((config.cpus - 1.4).abs() < 1e-12);
        assert_eq!(config.job_dir().unwrap(), PathBuf::from("/shared/1b4e28ba2fa111d2883f0016d3cca427"));
        assert_eq!(config.framework_env.keys().collect::<Vec<_>>(), ["HOST", "MARATHON_APP_RESOURCE_CPUS", "PORT0"]);
        assert!(config.in_container());
        assert_eq!(config.hostname(), "n1");
        let own = nix::unistd::gethostname().unwrap().into_string().unwrap();
        assert_eq!(read(&[("HOST", "")]).unwrap().hostname(), own);
    }

    #[test]
    fn the_token_is_not_shown() {
        assert!(!format!("{:?}", read(&[]).unwrap()).contains("hush"));
    }

    #[test]
    fn errors_name_the_variable() {
        for (name, value) in [
            ("SHELL_TRAP_UUID", "x"),
            ("SHELL_TRAP_RUNTIME", "podman"),
            ("SHELL_TRAP_CPU_FACTOR", "-1"),
            ("SHELL_TRAP_CPU_FACTOR", "NaN"),
            ("SHELL_TRAP_SAMPLE_SECONDS", "0"),
            ("MARATHON_APP_RESOURCE_CPUS", "many"),
            ("SHELL_TRAP_CHECKPOINT_DIR", "relative"),
            ("SHELL_TRAP_GRACE_SECONDS", "inf"),
        ] {
            let error = format!("{:#}", read(&[(name, value)]).unwrap_err());
            assert!(error.contains(name), "{name}: {error}");
        }
    }
}
