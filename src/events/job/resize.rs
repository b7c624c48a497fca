use serde::{Deserialize, Serialize};

use crate::qos::units::Cpus;

/// Another CPU is intended; its outcome is an event of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rescaled {
    /// CPU before.
    pub from: Cpus,
    /// CPU intended.
    pub to: Cpus,
}

/// The framework has the new CPU, read back from it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RescaleApplied {
    /// CPU of the next run.
    pub cpus: Cpus,
}

/// The framework did not take the new CPU; the next run has the old one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RescaleFailed {
    /// CPU intended.
    pub cpus: Cpus,
    /// Why.
    pub reason: String,
}

/// The framework has another CPU than the log: somebody changed it by hand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CpuObserved {
    /// What the framework has.
    pub cpus: Cpus,
}
