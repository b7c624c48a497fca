//! How far a task has come, for any framework.

use super::action::LaunchOrder;
use super::executor::Exit;
use super::journal::TaskEnd;
use crate::qos::units::Timestamp;

/// How far a task has come.
#[derive(Debug, Clone, PartialEq)]
pub enum Phase {
    /// Its image is being deployed; no process yet. What will be started then, or why nothing can be.
    Deploying(Box<Result<LaunchOrder, String>>),
    /// The executor was told to start it.
    Launching,
    /// TASK_RUNNING has been processed.
    Running {
        /// When.
        since: Timestamp,
    },
    /// Its processes are gone, but the framework has not processed the end yet: the job still counts as running.
    Ended(TaskEnd),
}

/// The status that the framework sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Terminal {
    /// TASK_FINISHED
    Finished,
    /// TASK_FAILED or TASK_LOST
    Failed,
    /// TASK_KILLED
    Killed,
}

impl Terminal {
    /// What the agent reports: exit code 0 is success even after a kill, as in the Mesos command executor.
    pub fn of(end: &TaskEnd, kill_requested: bool) -> Terminal {
        match end {
            TaskEnd::Code(0) => Terminal::Finished,
            _ if kill_requested => Terminal::Killed,
            _ => Terminal::Failed,
        }
    }
}

impl From<Exit> for TaskEnd {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Code(code) => TaskEnd::Code(code),
            Exit::Signal(signal) => TaskEnd::Signal(signal),
        }
    }
}
