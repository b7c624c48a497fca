//! What a framework's scheduler wants done.

use serde_json::Value;

use super::executor::{ContainerSpec, SharedNode};
use super::journal::Entry;
use crate::qos::units::{Cpus, Span};

/// What a scheduler wants done, in this order.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Write a line into the journal.
    Record(Entry),
    /// Start a task.
    Launch(LaunchOrder),
    /// End a task.
    Kill {
        /// Number of its placement.
        seq: u64,
        /// From TERM to KILL; the cluster's own grace when absent.
        grace: Option<Span>,
    },
    /// Keep this job or app: the scheduler tells what is to be stored of it.
    Persist(String),
    /// Forget this job or app.
    Forget(String),
    /// Tell those who listen to the framework's events. The object has the keys `eventType` and `timestamp`.
    Publish(Value),
}

/// What an executor is to start.
#[derive(Debug, Clone, PartialEq)]
pub struct LaunchOrder {
    /// The task id.
    pub task: String,
    /// Counts all placements of the cluster.
    pub seq: u64,
    /// Program and arguments.
    pub argv: Vec<String>,
    /// The task's environment.
    pub env: Vec<(String, String)>,
    /// The hard limit.
    pub cpus: Cpus,
    /// The node whose CPUs it shares, where its own are no hard limit.
    pub node: Option<SharedNode>,
    /// MiB.
    pub memory_mib: f64,
    /// The container to run in.
    pub container: Option<ContainerSpec>,
}
