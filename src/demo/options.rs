//! What the user of the demo chose.

use std::str::FromStr;

use serde::Serialize;

use super::runner::RunnerKind;
use super::scaling::{JobPlan, Speed, case_one, case_three, case_two};
use crate::config::{PolicyName, RescaleMode};
use crate::local::ChronosVersion;
use crate::qos::ids::Framework;
use crate::qos::units::Cpus;

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

    /// Its jobs at this speed.
    pub fn jobs(self, speed: Speed) -> Vec<JobPlan> {
        match self {
            Case::One => case_one(speed),
            Case::Two => case_two(speed),
            Case::Three => vec![case_three(speed)],
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

/// How the demo is run.
#[derive(Debug, Clone)]
pub struct DemoOptions {
    /// Which experiments, one after the other.
    pub cases: Vec<Case>,
    /// Published times are divided by this.
    pub speed: Speed,
    /// What runs the jobs; absent: containers where they can be checkpointed and that is of use (case III), else processes.
    pub runner: Option<RunnerKind>,
    /// How the job of case III gets its new CPU; absent: by a checkpoint where one can be made.
    pub rescale: Option<RescaleMode>,
    /// How much CPU the job of case III gives back at once. With the published step of 0.4 a job that is ahead of its plan falls
    /// so far behind it until the next look that no step up saves it: here a limit is a hard one, there it was a share.
    pub step_down: Cpus,
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
    fn a_case_is_called_by_its_number_and_there_is_no_fourth() {
        for case in [Case::One, Case::Two, Case::Three] {
            assert_eq!(case.as_str().to_uppercase().parse(), Ok(case));
            assert_eq!(serde_json::to_value(case).unwrap(), case.as_str());
        }
        assert!("iv".parse::<Case>().unwrap_err().contains("i, ii and iii"));
    }
}
