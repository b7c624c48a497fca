//! What runs the jobs: processes of this machine, or containers in an image made of this machine's own files.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use serde_json::{Value, json};

use crate::local::executor::docker::image::{PROGRAM_IN_IMAGE, build_demo_image};
use crate::local::executor::docker::{DockerExecutor, DockerOptions};
use crate::local::executor::process::limiter::LimiterChoice;
use crate::local::executor::process::{ProcessExecutor, ProcessOptions};
use crate::local::executor::{ContainerSpec, Executor};

/// The image of the jobs' containers.
const IMAGE: &str = "mesos-qos-demo:latest";

/// Which kind of runner is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunnerKind {
    /// Process groups under the best limit that works here.
    Process,
    /// Containers of the Docker daemon on this machine.
    Docker,
}

/// Runs the jobs.
pub struct Runner {
    kind: Kind,
    program: PathBuf,
    shared: PathBuf,
}

enum Kind {
    Process(Arc<ProcessExecutor>),
    Docker(Arc<DockerExecutor>),
}

impl Runner {
    /// Prepares to run jobs below `dir`, a virtual CPU being `cpu_factor` real cores. `name` tells several runners apart.
    ///
    /// # Errors
    /// When this kind does not work here.
    pub async fn start(kind: RunnerKind, dir: &Path, name: &str, cpu_factor: f64) -> anyhow::Result<Self> {
        let state_dir = dir.join(name);
        let shared = dir.join("shared");
        std::fs::create_dir_all(&shared).with_context(|| shared.display().to_string())?;
        let this = std::env::current_exe().context("the path of this program")?;
        match kind {
            RunnerKind::Process => {
                let limiter = LimiterChoice::Auto;
                let options = ProcessOptions { cpu_factor, state_dir, limiter, env: Vec::new() };
                let executor = Arc::new(ProcessExecutor::new(options)?);
                Ok(Runner { kind: Kind::Process(executor), program: this, shared })
            }
            RunnerKind::Docker => {
                let image = Some(IMAGE.to_owned());
                let options = DockerOptions { cpu_factor, state_dir, host: None, image, env: Vec::new() };
                let executor = DockerExecutor::connect(options).await.context("--executor docker")?;
                build_demo_image(None, IMAGE, &this, dir).await.context("--executor docker")?;
                Ok(Runner { kind: Kind::Docker(Arc::new(executor)), program: PROGRAM_IN_IMAGE.into(), shared })
            }
        }
    }

    /// The executor.
    pub fn executor(&self) -> Arc<dyn Executor> {
        match &self.kind {
            Kind::Process(executor) => executor.clone(),
            Kind::Docker(executor) => executor.clone(),
        }
    }

    /// This program, as tasks see it.
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// A directory that tasks see under the same path.
    pub fn shared(&self) -> &Path {
        &self.shared
    }

    /// `container` of a job file; none for processes.
    pub fn container(&self) -> Option<Value> {
        let container = json!({"type": "DOCKER", "image": IMAGE, "network": "HOST", "volumes": [volume(&self.shared)]});
        matches!(self.kind, Kind::Docker(_)).then_some(container)
    }

    /// The same for a task that is not launched by the framework.
    pub fn container_spec(&self) -> Option<ContainerSpec> {
        let spec = ContainerSpec { image: IMAGE.into(), network: Some("HOST".into()), ..ContainerSpec::default() };
        matches!(self.kind, Kind::Docker(_)).then_some(spec)
    }

    /// Ends whatever still runs.
    pub async fn shutdown(&self) {
        match &self.kind {
            Kind::Process(executor) => executor.shutdown(Duration::ZERO).await,
            Kind::Docker(executor) => executor.shutdown(Duration::ZERO).await,
        }
    }
}

/// A directory that a container sees under the same path, and does not change.
fn volume(directory: &Path) -> Value {
    json!({"hostPath": directory, "containerPath": directory, "mode": "RO"})
}

/// Makes the image of the jobs' containers at the Docker behind `socket`, and gives `container` of an app file; work files go below
/// `dir`, and the container sees `shared`.
///
/// # Errors
/// When Docker or a program of this machine is missing.
pub async fn app_container(socket: &Path, dir: &Path, shared: &Path) -> anyhow::Result<Value> {
    let this = std::env::current_exe().context("the path of this program")?;
    let host = format!("unix://{}", socket.display());
    build_demo_image(Some(&host), IMAGE, &this, dir).await.context("the image of the job")?;
    Ok(json!({"type": "DOCKER", "docker": {"image": IMAGE, "network": "HOST"}, "volumes": [volume(shared)]}))
}
