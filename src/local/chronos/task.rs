//! Tasks: one run of a job each.

use std::fmt;

use crate::local::executor::Exit;
use crate::local::journal::TaskEnd;
use crate::qos::units::{Cpus, Timestamp};

/// A run that is wanted: what the task id says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The job.
    pub job: String,
    /// When it was due.
    pub due: Timestamp,
    /// 0, or which retry it is.
    pub attempt: u32,
    /// Appended to the command.
    pub arguments: String,
}

/// `ct:<due ms>:<attempt>:<job>:<arguments>`.
impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ct:{}:{}:{}:{}", self.due.micros() / 1000, self.attempt, self.job, self.arguments)
    }
}

impl Wanted {
    /// Reads a task id; a job's name holds no colon.
    pub fn parse(id: &str) -> Option<Wanted> {
        let mut parts = id.strip_prefix("ct:")?.splitn(4, ':');
        let due: i64 = parts.next()?.parse().ok()?;
        let attempt = parts.next()?.parse().ok()?;
        let job = parts.next().filter(|job| !job.is_empty())?.to_owned();
        let arguments = parts.next().unwrap_or_default().to_owned();
        Some(Wanted { job, due: Timestamp::from_micros(due.checked_mul(1000)?), attempt, arguments })
    }
}

/// A task that has a place on a node.
#[derive(Debug, Clone)]
pub struct Placed {
    /// Counts all placements of this cluster, from 1, over restarts too.
    pub seq: u64,
    /// What it runs.
    pub wanted: Wanted,
    /// Index of the node.
    pub node: usize,
    /// Reserved there.
    pub cpus: Cpus,
    /// MiB asked for; not enforced by the nodes.
    pub mem: f64,
    /// How far it has come.
    pub phase: Phase,
    /// Somebody asked to have it killed.
    pub kill_requested: bool,
}

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

/// What an executor is to start.
#[derive(Debug, Clone, PartialEq)]
pub struct LaunchOrder {
    /// The task id.
    pub task: String,
    /// Counts all placements.
    pub seq: u64,
    /// Program and arguments.
    pub argv: Vec<String>,
    /// The task's environment.
    pub env: Vec<(String, String)>,
    /// The hard limit.
    pub cpus: Cpus,
    /// MiB.
    pub memory_mib: f64,
    /// The job's container, in its returned form.
    pub container: Option<super::container::Container>,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_back_with_colons_in_the_arguments() {
        let wanted = Wanted {
            job: "my job".into(),
            due: Timestamp::from_micros(1_450_434_609_755_000),
            attempt: 2,
            arguments: "-u http://a:80".into(),
        };
        assert_eq!(wanted.to_string(), "ct:1450434609755:2:my job:-u http://a:80");
        assert_eq!(Wanted::parse(&wanted.to_string()), Some(wanted));
        for bad in ["", "ct:", "ct:a:0:n:", "ct:1:0::", "x:1:0:n:"] {
            assert_eq!(Wanted::parse(bad), None, "{bad:?}");
        }
    }
}
