//! `shell_trap check`: what this node offers, for the operator.

use std::fmt::Write as _;

use crate::cgroup::Cgroups;
use crate::checkpoint::{criu, secure};
use crate::config::{Config, Environment};
use crate::docker::Docker;
use crate::restore::{self, Abilities};

/// A report line by line, and whether jobs in containers can be checkpointed here.
pub async fn node(environment: &Environment) -> (String, bool) {
    let mut text = String::new();
    let mut line = |name: &str, value: String| {
        // Writing into a string does not fail.
        let _ = writeln!(text, "{name:<12} {value}");
    };
    let config = match Config::for_check(environment) {
        Ok(config) => config,
        Err(error) => return (format!("environment  {error:#}\n"), false),
    };
    line("kernel", criu::kernel());
    let cgroups = Cgroups::find().and_then(|c| c.of_process(std::process::id().cast_signed()));
    line("cgroups", cgroups.map_or_else(|e| format!("NO: {e:#}"), |d| format!("this process is in {}", d.display())));
    match &config.checkpoint_dir {
        Some(directory) => {
            line(
                "shared",
                secure::check(directory)
                    .map_or_else(|e| format!("REFUSED: {e:#}"), |()| directory.display().to_string()),
            );
        }
        None => line("shared", "not checked: SHELL_TRAP_CHECKPOINT_DIR is not set".into()),
    }
    line("runc", criu::runc().map_or_else(|e| format!("NO: {e:#}"), |p| p.display().to_string()));
    match criu::Criu::find().await {
        Ok(found) => {
            line("criu", format!("{} at {}", found.version, found.program.display()));
            found.warnings.into_iter().for_each(|warning| line("", warning));
        }
        Err(error) => line("criu", format!("NO: {error:#}")),
    }
    let docker = Docker::at(&config.docker_socket);
    let node = match docker.info().await {
        Ok(node) => node,
        Err(error) => {
            line("docker", format!("NO: {error}"));
            line("checkpoints", "NO: there is no Docker; jobs can run as processes only".into());
            return (text, false);
        }
    };
    line(
        "docker",
        format!(
            "{} at {}, storage {}, cgroup driver {}",
            node.server_version,
            docker.socket().display(),
            node.driver,
            node.cgroup_driver
        ),
    );
    line("cores", format!("{} (of {} per CPU of the framework)", node.cores, config.cpu_factor));
    let found: anyhow::Result<Abilities> = restore::Abilities::find(&config, &node).await;
    match found {
        Ok(abilities) => {
            line("dump", format!("{:?}", abilities.dump));
            line("restore", abilities.restore.to_string());
            line("checkpoints", "yes".into());
            (text, true)
        }
        Err(error) => {
            line("checkpoints", format!("NO: {error:#}"));
            (text, false)
        }
    }
}
