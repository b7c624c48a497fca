//! A chained Chronos job whose tasks run under `shell_trap`, which changes their CPU limit while they run.

use super::marathon::spec::variable;
use super::rewrite::Callback;
use super::wrapper::{LONGEST_ARGUMENT, WrapError};

/// What is set for the agent.
pub const VARIABLES: [&str; 5] =
    [variable::UUID, variable::SUPERVISOR, variable::TOKEN, variable::CACERT, variable::SPEC];

/// Where the packages put the agent.
pub const EXECUTOR_PATH: &str = "/usr/local/bin/shell_trap";

/// The command that runs `wrapped` under the agent at `executor`, and by itself where a node has none.
///
/// # Errors
/// When the path holds a NUL character, or the result is too long to be run.
pub fn command(wrapped: &str, executor: &str) -> Result<String, WrapError> {
    let executor = shlex::try_quote(executor).map_err(|_| WrapError::Nul)?;
    // The agent knows the variable of Marathon; this one is Chronos' own.
    let command = format!(
        "# Under shell_trap, where this node has it: the CPU limit is changed while the task runs.\n\
         if [ -x {executor} ]; then\n  MARATHON_APP_RESOURCE_CPUS=${{CHRONOS_RESOURCE_CPU:-1}} exec {executor}\nfi\n{wrapped}"
    );
    WrapError::unless_fits(command)
}

/// The variables that tell the agent what to run, and for whom.
///
/// # Errors
/// When the command is too long for a variable.
pub fn environment(wrapped: &str, callback: &Callback<'_>) -> Result<Vec<(&'static str, String)>, WrapError> {
    let spec = serde_json::json!({"version": 1, "shell": wrapped}).to_string();
    let length = variable::SPEC.len() + "=".len() + spec.len();
    if length > LONGEST_ARGUMENT {
        return Err(WrapError::TooLong(length));
    }
    let all = [
        (variable::UUID, Some(callback.uuid.to_string())),
        (variable::SUPERVISOR, Some(callback.url.as_str().trim_end_matches('/').to_owned())),
        (variable::TOKEN, callback.token.map(str::to_owned)),
        (variable::CACERT, callback.cacert.map(str::to_owned)),
        (variable::SPEC, Some(spec)),
    ];
    Ok(all.into_iter().filter_map(|(name, value)| Some((name, value?))).collect())
}
