//! What the app is told of the agents.

use std::path::Path;

use crate::config::LauncherSettings;
use crate::qos::units::Span;

/// Where things lie on the agents, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentSettings {
    /// `shell_trap`.
    pub executor_path: String,
    /// The directory of the checkpoints, shared by all agents.
    pub checkpoint_dir: String,
    /// Whole seconds between TERM and KILL.
    pub kill_grace_seconds: u32,
}

/// Settings that no app can be launched with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AgentError {
    /// Nothing says where checkpoints go.
    #[error(
        "launcher.checkpoint_dir: missing: name a directory that all agents share, with --checkpoint-dir, \
         MESOS_QOS_LAUNCHER_CHECKPOINT_DIR or in mesos-qos.toml; without it every resize would start the job anew"
    )]
    NoCheckpointDir,
    /// JSON cannot say it.
    #[error("launcher.{0}: should be UTF-8 without a NUL character")]
    Text(&'static str),
}

impl AgentSettings {
    /// Takes them from the configuration.
    ///
    /// # Errors
    /// When there is no directory for checkpoints, or a path cannot be said.
    pub fn new(settings: &LauncherSettings) -> Result<Self, AgentError> {
        let directory = settings.checkpoint_dir.as_deref().ok_or(AgentError::NoCheckpointDir)?;
        Ok(AgentSettings {
            executor_path: text("executor_path", &settings.executor_path)?,
            checkpoint_dir: text("checkpoint_dir", directory)?,
            kill_grace_seconds: whole_seconds(settings.task_kill_grace_period_seconds),
        })
    }
}

fn text(key: &'static str, path: &Path) -> Result<String, AgentError> {
    path.to_str().filter(|text| !text.contains('\0')).map(str::to_owned).ok_or(AgentError::Text(key))
}

/// Marathon knows whole seconds only; a grace is rather too long than too short.
fn whole_seconds(span: Span) -> u32 {
    span.seconds().ceil().clamp(1.0, f64::from(u32::MAX)) as u32
}
