//! Tasks: one run of a job each.

use std::fmt;

pub use crate::local::action::LaunchOrder;
pub use crate::local::task::{Phase, Terminal};
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
