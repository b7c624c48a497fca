//! What the user of the demo chose.

use std::str::FromStr;

use serde::Serialize;

use super::scaling::{JobPlan, Speed, case_one, case_two};
use crate::config::PolicyName;
use crate::local::ChronosVersion;
use crate::local::executor::process::limiter::LimiterChoice;

/// A published experiment that this version can run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Case {
    /// Six Chronos jobs, each iteration the same work.
    #[serde(rename = "i")]
    One,
    /// The same six jobs; the order of the matrix varies from iteration to iteration.
    #[serde(rename = "ii")]
    Two,
}

impl Case {
    /// `i` or `ii`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Case::One => "i",
            Case::Two => "ii",
        }
    }

    /// How many of the six jobs were on time when it was published.
    pub const fn published_on_time(self) -> usize {
        match self {
            Case::One => 4,
            Case::Two => 5,
        }
    }

    /// Its jobs at this speed.
    pub fn jobs(self, speed: Speed) -> Vec<JobPlan> {
        match self {
            Case::One => case_one(speed),
            Case::Two => case_two(speed),
        }
    }
}

impl FromStr for Case {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.trim().to_ascii_lowercase().as_str() {
            "i" => Ok(Case::One),
            "ii" => Ok(Case::Two),
            "iii" => {
                Err("case iii comes with the Marathon supervisor and is not part of this version: i and ii are".into())
            }
            _ => Err("there are the cases i and ii".into()),
        }
    }
}

/// How the demo is run.
#[derive(Debug, Clone)]
pub struct DemoOptions {
    /// Which experiments, one after the other.
    pub cases: Vec<Case>,
    /// Published times are divided by this.
    pub speed: Speed,
    /// How the jobs' CPU is limited.
    pub limiter: LimiterChoice,
    /// Who decides about the jobs' CPU.
    pub policy: PolicyName,
    /// Whose behaviour the cluster has.
    pub chronos_version: ChronosVersion,
    /// Of the choices of nodes, delays and (case II) orders.
    pub seed: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_third_case_is_named_as_missing() {
        assert_eq!("II".parse(), Ok(Case::Two));
        assert!("iii".parse::<Case>().unwrap_err().contains("Marathon"));
        assert!("iv".parse::<Case>().is_err());
    }
}
