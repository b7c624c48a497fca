//! Which process is meant: a pid alone is reused, a pid with its start time is not.

use std::path::Path;

use procfs::process::{Process, Stat};
use serde::{Deserialize, Serialize};

/// The environment variable whose value is unique to a task; its descendants inherit it.
pub const KEY: &str = "MESOS_QOS_TASK_KEY";

/// One process of this boot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Identity {
    /// Its process id.
    pub pid: i32,
    /// When it started: the field `starttime` of `/proc/<pid>/stat`, ticks since boot.
    pub start: u64,
}

impl Identity {
    /// The process that a status line is about.
    pub fn of(stat: &Stat) -> Self {
        Identity { pid: stat.pid, start: stat.starttime }
    }

    /// The process that has this pid now.
    pub fn now(pid: i32) -> Option<Self> {
        Some(Identity::of(&Process::new(pid).ok()?.stat().ok()?))
    }

    /// Whether this very process still runs.
    pub fn lives(&self) -> bool {
        let stat = Process::new(self.pid).and_then(|process| process.stat());
        stat.is_ok_and(|stat| stat.starttime == self.start && !matches!(stat.state, 'Z' | 'X'))
    }
}

/// Whether a process was started with this task key.
pub fn carries_key(pid: i32, key: &str) -> bool {
    let Ok(environment) = std::fs::read(Path::new("/proc").join(pid.to_string()).join("environ")) else { return false };
    let wanted = format!("{KEY}={key}");
    environment.split(|&byte| byte == 0).any(|entry| entry == wanted.as_bytes())
}
