//! `[launcher]`: what is written into Marathon apps about the agents.

use std::path::PathBuf;

use serde::Serialize;

use super::reader::Reader;
use super::render;
use crate::qos::units::Span;

const SECTION: &str = "launcher";

/// Where the packages put it.
const EXECUTOR_PATH: &str = "/usr/local/bin/shell_trap";

/// `[launcher]`
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LauncherSettings {
    /// Where `shell_trap` lies on the agents; absolute.
    pub executor_path: PathBuf,
    /// Where checkpoints go; absolute, and the same directory on all agents. No job is launched on Marathon without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checkpoint_dir: Option<PathBuf>,
    /// Time a task gets between TERM and KILL to write its checkpoint.
    #[serde(serialize_with = "render::seconds")]
    pub task_kill_grace_period_seconds: Span,
}

impl LauncherSettings {
    pub(super) fn read(reader: &mut Reader) -> Self {
        let mut s = reader.section(SECTION);
        LauncherSettings {
            executor_path: s.optional_path("executor_path").unwrap_or_else(|| EXECUTOR_PATH.into()),
            checkpoint_dir: s.optional_path("checkpoint_dir"),
            task_kill_grace_period_seconds: s.span("task_kill_grace_period_seconds", 60.0, 1.0..=3600.0),
        }
    }

    pub(super) fn check(&self, reader: &mut Reader) {
        let paths = [("executor_path", Some(&self.executor_path)), ("checkpoint_dir", self.checkpoint_dir.as_ref())];
        for (key, path) in paths.into_iter().filter_map(|(key, path)| Some((key, path?))) {
            if !path.is_absolute() {
                let expected = "expected an absolute path: it is looked up on the agents".into();
                reader.conflict(SECTION, key, format!("{path:?}"), expected);
            }
        }
    }
}
