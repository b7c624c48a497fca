//! How the job is resized: by a checkpoint and a new task, or in place. What works here, and why the other does not.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use shell_trap::checkpoint::secure;
use shell_trap::config::{Config, Environment};
use shell_trap::docker::Docker;
use shell_trap::restore::Abilities;

use crate::config::RescaleMode;
use crate::demo::options::DemoOptions;
use crate::demo::runner::RunnerKind;
use crate::demo::scaling::{LARGEST_SPEED_WITH_CHECKPOINTS, Speed};

/// How case III is run.
#[derive(Debug, Clone, PartialEq)]
pub struct Form {
    /// How the job gets its new CPU.
    pub rescale: RescaleMode,
    /// In a container of the Docker on this machine; else as a process.
    pub container: bool,
    /// Where Docker listens, when it is used.
    pub docker: Option<Engine>,
    /// Where checkpoints go, and the lease of a container.
    pub checkpoint_dir: Option<PathBuf>,
    /// Why it is not the other way; in words for people.
    pub why: String,
}

/// The Docker that is used.
#[derive(Debug, Clone, PartialEq)]
pub struct Engine {
    /// Its socket.
    pub socket: PathBuf,
    /// `cgroupfs` or `systemd`.
    pub cgroup_driver: String,
    /// How containers are restored, or why they cannot be.
    pub restores: Result<String, String>,
}

impl Form {
    /// Looks at what this machine has, as far as that matters for what the user wants. Checkpoints go below `dir`.
    ///
    /// # Errors
    /// When what was explicitly asked for cannot be had; says why.
    pub async fn choose(options: &DemoOptions, dir: &Path) -> anyhow::Result<Self> {
        let checkpoint_dir = dir.join("checkpoints");
        match (options.rescale, options.runner) {
            (Some(RescaleMode::Restart), Some(RunnerKind::Process)) => {
                bail!(
                    "--rescale restart: the job would lose its work, for a process has no checkpoints: leave out --executor process"
                )
            }
            (Some(RescaleMode::InPlace), Some(RunnerKind::Docker)) => {
                let engine = engine(&checkpoint_dir).await.context("--executor docker")?;
                Ok(Form::in_place(Some((engine, checkpoint_dir)), "in place was asked for (--rescale)"))
            }
            (Some(RescaleMode::InPlace), _) => Ok(Form::in_place(None, "in place was asked for (--rescale)")),
            (None, Some(RunnerKind::Process)) => {
                Ok(Form::in_place(None, "processes were asked for (--executor), and they have no checkpoints"))
            }
            (wish, runner) => match restoring(&checkpoint_dir).await {
                Ok(engine) => Ok(Form {
                    rescale: RescaleMode::Restart,
                    container: true,
                    why: engine.restores.clone().unwrap_or_default(),
                    docker: Some(engine),
                    checkpoint_dir: Some(checkpoint_dir),
                }),
                Err(error) if wish == Some(RescaleMode::Restart) => {
                    bail!("--rescale restart: no checkpoints can be made here: {error:#}")
                }
                Err(error) if runner == Some(RunnerKind::Docker) => {
                    bail!(
                        "--executor docker: no checkpoints can be made here: {error:#}; --rescale in-place resizes the \
                         container without"
                    )
                }
                Err(error) => Ok(Form::in_place(None, &format!("no checkpoints can be made here: {error:#}"))),
            },
        }
    }

    fn in_place(docker: Option<(Engine, PathBuf)>, why: &str) -> Self {
        let (docker, checkpoint_dir) = docker.unzip();
        let container = docker.is_some();
        Form { rescale: RescaleMode::InPlace, container, docker, checkpoint_dir, why: why.to_owned() }
    }

    /// The speed that is asked for, or the largest that this form allows.
    pub fn speed(&self, wished: Speed) -> Speed {
        match self.rescale {
            RescaleMode::Restart if wished > LARGEST_SPEED_WITH_CHECKPOINTS => LARGEST_SPEED_WITH_CHECKPOINTS,
            _ => wished,
        }
    }

    /// The words for it: a process or a container, and how it is resized.
    pub fn describe(&self) -> String {
        let what = if self.container { "a container" } else { "a process" };
        match self.rescale {
            RescaleMode::Restart => format!("{what}, resized by a checkpoint and a new task"),
            RescaleMode::InPlace => format!("{what}, resized in place"),
        }
    }
}

/// A Docker with everything that checkpoints need.
async fn restoring(checkpoint_dir: &Path) -> anyhow::Result<Engine> {
    let engine = engine(checkpoint_dir).await?;
    match &engine.restores {
        Ok(_) => Ok(engine),
        Err(why) => bail!("{why}"),
    }
}

async fn engine(checkpoint_dir: &Path) -> anyhow::Result<Engine> {
    let config = Config::for_check(&Environment::of_process())?;
    let node = Docker::at(&config.docker_socket).info().await?;
    let command = shell_trap::process::find("docker");
    ensure!(command.is_some(), "the command docker, which makes the job's image, is not installed");
    secure::make(checkpoint_dir)?;
    let abilities = Abilities::find(&config, &node).await;
    Ok(Engine {
        socket: config.docker_socket,
        cgroup_driver: node.cgroup_driver,
        restores: abilities
            .map(|found| format!("CRIU {}, {}", found.criu.version, found.restore))
            .map_err(|error| format!("{error:#}")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(rescale: RescaleMode) -> Form {
        Form { rescale, container: false, docker: None, checkpoint_dir: None, why: String::new() }
    }

    #[test]
    fn checkpoints_bound_the_speed_and_nothing_else_does() {
        let speed = |factor| Speed::new(factor).unwrap();
        for (mode, wished, used) in
            [(RescaleMode::Restart, 15.0, 5.0), (RescaleMode::Restart, 2.0, 2.0), (RescaleMode::InPlace, 60.0, 60.0)]
        {
            assert_eq!(form(mode).speed(speed(wished)), speed(used), "{mode:?} {wished}");
        }
    }
}
