//! On which nodes a task may start.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// What a plan says of the node of a task that is to start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NodeChoice {
    /// This one, by the name that the framework knows it by.
    On(String),
    /// Any but these.
    NotOn(BTreeSet<String>),
}

impl NodeChoice {
    /// Whether a task may start on `host`.
    pub fn allows(&self, host: &str) -> bool {
        match self {
            NodeChoice::On(node) => node == host,
            NodeChoice::NotOn(nodes) => !nodes.contains(host),
        }
    }
}
