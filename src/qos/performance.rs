//! How a job is doing against its plan.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The three states of the published work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Performance {
    /// Too slow: it needs more CPU.
    UnderPerformant,
    /// As planned.
    OnPlan,
    /// Faster than needed: it can give CPU away.
    OverPerformant,
}

impl Performance {
    /// The name in answers, events and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Performance::UnderPerformant => "UNDER_PERFORMANT",
            Performance::OnPlan => "ON_PLAN",
            Performance::OverPerformant => "OVER_PERFORMANT",
        }
    }
}

impl fmt::Display for Performance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
