//! The published experiments as they were published: what the demo runs here and the simulator in virtual time.

use std::str::FromStr;

use serde::Serialize;

use crate::qos::ids::Framework;

/// Nodes of the published cluster.
pub const NODES: u32 = 5;
/// CPUs of each of them.
pub const CPUS_PER_NODE: u32 = 2;
/// Seconds in which each job of cases I and II is to finish.
pub const DEADLINE_SECONDS: f64 = 1800.0;
/// `desv_deadline` of cases I and II.
pub const DEVIATION: f64 = 0.2;
/// What case II adds to or takes from an order, at random in each iteration.
pub const VARIATION: u32 = 250;
/// Seconds between two looks at the job of case III.
pub const MONITORING_SECONDS: f64 = 120.0;

/// A job of cases I and II.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RepeatedJob {
    /// Name in Chronos.
    pub name: &'static str,
    /// How often it runs.
    pub iterations: u32,
    /// Declared seconds of one iteration.
    pub duration: f64,
    /// Order of its matrix.
    pub order: u32,
    /// Period of its schedule, s.
    pub period: f64,
}

const fn repeated(name: &'static str, iterations: u32, duration: f64, order: u32, period: f64) -> RepeatedJob {
    RepeatedJob { name, iterations, duration, order, period }
}

/// The jobs of cases I and II.
pub const JOBS: [RepeatedJob; 6] = [
    repeated("openmpLinpack1", 4, 400.0, 6000, 300.0),
    repeated("openmpLinpack2", 4, 400.0, 6000, 300.0),
    repeated("openmpLinpack3", 13, 130.0, 4000, 180.0),
    repeated("openmpLinpack4", 11, 130.0, 4000, 180.0),
    repeated("openmpLinpack5", 12, 130.0, 4000, 180.0),
    repeated("openmpLinpack6", 14, 80.0, 3500, 120.0),
];

/// The job of case III.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LongRunningJob {
    /// Id in Marathon.
    pub name: &'static str,
    /// CPU-seconds that it declares and needs.
    pub cpu_seconds: f64,
    /// Longest wall time of its execution, s.
    pub deadline: f64,
    /// `desv_deadline`.
    pub deviation: f64,
}

/// The one job of case III.
pub const LONG_RUNNING: LongRunningJob =
    LongRunningJob { name: "/openmplinpack1", cpu_seconds: 400.0, deadline: 480.0, deviation: 0.1 };

/// A published experiment that this version can run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Case {
    /// Six Chronos jobs, each iteration the same work.
    #[serde(rename = "i")]
    One,
    /// The same six jobs; the order of the matrix varies from iteration to iteration.
    #[serde(rename = "ii")]
    Two,
    /// One long-running Marathon job, resized while it runs.
    #[serde(rename = "iii")]
    Three,
}

impl Case {
    /// `i`, `ii` or `iii`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Case::One => "i",
            Case::Two => "ii",
            Case::Three => "iii",
        }
    }

    /// Who runs its jobs.
    pub const fn framework(self) -> Framework {
        match self {
            Case::One | Case::Two => Framework::Chronos,
            Case::Three => Framework::Marathon,
        }
    }

    /// How many of its jobs were on time when it was published.
    pub const fn published_on_time(self) -> usize {
        match self {
            Case::One => 4,
            Case::Two => 5,
            Case::Three => 1,
        }
    }
}

impl FromStr for Case {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.trim().to_ascii_lowercase().as_str() {
            "i" => Ok(Case::One),
            "ii" => Ok(Case::Two),
            "iii" => Ok(Case::Three),
            _ => Err("there are the cases i, ii and iii".into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_is_called_by_its_number_and_there_is_no_fourth() {
        for case in [Case::One, Case::Two, Case::Three] {
            assert_eq!(case.as_str().to_uppercase().parse(), Ok(case));
            assert_eq!(serde_json::to_value(case).unwrap(), case.as_str());
        }
        assert!("iv".parse::<Case>().unwrap_err().contains("i, ii and iii"));
    }
}
