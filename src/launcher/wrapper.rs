//! The command that a task really runs: the user's own, between two reports.
//!
//! It is plain POSIX `sh` and needs `curl` and `date`. The task's exit code is always that of the user's command,
//! whatever became of the reports. Nothing is substituted into the script: the values precede it as quoted
//! assignments, so no name, command or path can change what it does.

use std::time::Duration;

/// The script that follows the assignments. Each of its variables begins with `mesos_qos_`, because an assignment
/// to a name of the user's environment would reach the user's command.
const SCRIPT: &str = include_str!("wrapper.sh");

/// What Linux takes as one argument, the closing zero included.
pub(super) const LONGEST_ARGUMENT: usize = 128 * 1024 - 1;

/// The environment variables that the script reads.
pub mod variable {
    /// The job's identity.
    pub const UUID: &str = "MESOS_QOS_UUID";
    /// Where to report, without a trailing slash.
    pub const URL: &str = "MESOS_QOS_URL";
    /// Opens this job's callbacks; the user's command does not get to see it.
    pub const TOKEN: &str = "MESOS_QOS_TOKEN";
    /// Set by the script for the command of a chained job: how many iterations the task has run before.
    pub const INDEX: &str = "MESOS_QOS_INDEX";
}

/// What goes into a wrapped command.
#[derive(Debug, Clone, Copy)]
pub struct Wrapper<'a> {
    /// The job's name, as it is to arrive in the reports.
    pub name: &'a str,
    /// The user's command, as `sh -c` takes it.
    pub command: &'a str,
    /// For how long the end of a run is reported again and again; whole seconds are used.
    pub callback_window: Duration,
    /// A PEM file in the job's image that the supervisor's certificate is checked against.
    pub cacert: Option<&'a str>,
    /// The task runs the next iteration itself when the supervisor's answer says so.
    pub chain: bool,
}

/// A command that cannot be wrapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WrapError {
    /// No shell can be given such a text.
    #[error("holds a NUL character, which no shell can be given")]
    Nul,
    /// Linux would refuse to run it.
    #[error("is {0} bytes long when wrapped, and Linux runs at most {LONGEST_ARGUMENT}: put it into a script file")]
    TooLong(usize),
}

impl Wrapper<'_> {
    /// The command for `sh -c`.
    ///
    /// # Errors
    /// When the name, command or path holds a NUL character, or the result is too long to be run.
    pub fn build(&self) -> Result<String, WrapError> {
        let name = serde_json::Value::from(self.name).to_string();
        let wrapped = format!(
            "# Wrapped by mesos-qos: reports the start and the end of each run.\n\
             mesos_qos_command={}\nmesos_qos_name={}\nmesos_qos_window={}\nmesos_qos_cacert={}\nmesos_qos_chain={}\n{SCRIPT}",
            quote(self.command)?,
            quote(&name)?,
            self.callback_window.as_secs(),
            quote(self.cacert.unwrap_or_default())?,
            if self.chain { "yes" } else { "no" },
        );
        WrapError::unless_fits(wrapped.trim_end().to_owned())
    }
}

impl WrapError {
    /// `command`, unless Linux would refuse to run it.
    ///
    /// # Errors
    /// When it is too long.
    pub(super) fn unless_fits(command: String) -> Result<String, WrapError> {
        if command.len() > LONGEST_ARGUMENT { Err(WrapError::TooLong(command.len())) } else { Ok(command) }
    }
}

fn quote(text: &str) -> Result<String, WrapError> {
    // A NUL is all that the library refuses.
    shlex::try_quote(text).map(|quoted| quoted.into_owned()).map_err(|_| WrapError::Nul)
}
