//! What the launcher is told of the agent.

use std::path::Path;

use anyhow::Context as _;

use super::form::Form;
use crate::launcher::AgentSettings;

/// From TERM to KILL: a checkpoint on a slow disk must be written in it. A process ends at once.
const GRACE_SECONDS: (u32, u32) = (30, 2);

/// What the launcher is told of the one at `agent`.
///
/// # Errors
/// When a path is not UTF-8.
pub fn settings(agent: &Path, form: &Form) -> anyhow::Result<AgentSettings> {
    let text = |path: &Path| path.to_str().map(str::to_owned).with_context(|| format!("{path:?} should be UTF-8"));
    Ok(AgentSettings {
        executor_path: text(agent)?,
        // A process has no checkpoints, and needs no lease where there is one agent.
        checkpoint_dir: form.checkpoint_dir.as_deref().map(text).transpose()?.unwrap_or_default(),
        kill_grace_seconds: if form.container { GRACE_SECONDS.0 } else { GRACE_SECONDS.1 },
    })
}
