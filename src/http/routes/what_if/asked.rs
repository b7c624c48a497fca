//! The question: what is to be different.

use std::collections::BTreeMap;

use crate::api::what_if::WhatIfRequest;
use crate::http::problem::Problem;
use crate::qos::policy::{PolicyName, PolicySettings, UnknownPolicy};
use crate::qos::units::Cpus;
use crate::replay::{Change, ReplayError};
use crate::supervise::changed_policy;

/// Other settings in one question, and the longest text of one.
const MOST_SETTINGS: usize = 20;
const LONGEST_SETTING: usize = 100;

/// What is asked, as far as it can be understood without the job.
pub struct Asked {
    policy: Option<PolicyName>,
    set: BTreeMap<String, String>,
    cpus: Option<Cpus>,
}

impl Asked {
    /// Reads the question.
    ///
    /// # Errors
    /// 422 with the field.
    pub fn of(request: WhatIfRequest) -> Result<Self, Problem> {
        let policy = request.policy.as_deref().map(str::parse).transpose();
        let policy = policy.map_err(|error: UnknownPolicy| Problem::invalid_field("policy", error))?;
        let cpus = request.cpus.map(Cpus::try_from_f64).transpose();
        let cpus = cpus.map_err(|error| Problem::invalid_field("cpus", error))?;
        if cpus.is_some_and(|cpus| cpus.milli() == 0) {
            return Err(Problem::invalid_field("cpus", "no CPU is no way to run: at least 0.001 is right"));
        }
        if cpus.is_some() && (policy.is_some() || !request.set.is_empty()) {
            return Err(Problem::invalid_field("cpus", "is without a policy: leave out `policy` and `set`"));
        }
        if request.set.len() > MOST_SETTINGS {
            return Err(Problem::invalid_field("set", format!("more than {MOST_SETTINGS} settings")));
        }
        let name = |key: &str| {
            !key.is_empty() && key.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
        };
        for (key, value) in &request.set {
            if !name(key) || key.len() > LONGEST_SETTING || value.len() > LONGEST_SETTING || value.contains('\0') {
                return Err(Problem::invalid_field(
                    "set",
                    "keys are settings of the section elasticity, such as cpu_max_slave",
                ));
            }
        }
        Ok(Asked { policy, set: request.set, cpus })
    }

    /// What the replay refuses, with the field that asks for it where one does.
    pub fn refused(&self, error: ReplayError) -> Problem {
        let ReplayError::TooSlow { cpus, looks, done, .. } = error else { return refused(error) };
        let field = match (self.cpus, self.set.is_empty()) {
            (Some(_), _) => "cpus",
            (None, false) => "set",
            (None, true) => "policy",
        };
        let given_up = format!(
            "with {cpus} CPU the job would have done {:.2} % of its work after {looks} looks, where the replay is given up",
            done * 100.0
        );
        // What it takes grows as the CPU shrinks: with so much it ends within the bound, with a little to spare.
        let enough = cpus.as_f64() / done * 1.5;
        Problem::invalid_field(
            field,
            match self.cpus {
                Some(_) if enough.is_finite() => {
                    format!("{given_up}: at least {:.3} is right", (enough * 1000.0).ceil() / 1000.0)
                }
                _ => format!("{given_up}: more CPU (cpu_min_slave, cpu_max_slave) is right"),
            },
        )
    }

    /// What is to be different, for a job with this policy.
    ///
    /// # Errors
    /// 422 with the field.
    pub fn change(&self, recorded: &PolicySettings) -> Result<Change, Problem> {
        if let Some(cpus) = self.cpus {
            return Ok(Change::Cpus(cpus));
        }
        if self.policy.is_none() && self.set.is_empty() {
            return Ok(Change::Nothing);
        }
        let set: Vec<(String, String)> = self.set.clone().into_iter().collect();
        let changed =
            changed_policy(recorded, self.policy, &set, false).map_err(|error| Problem::invalid_field("set", error))?;
        Ok(Change::Policy(changed.settings))
    }
}

/// What the replay refuses.
pub fn refused(error: ReplayError) -> Problem {
    match error {
        ReplayError::Upcast(_) | ReplayError::Malformed { .. } | ReplayError::NoRegistration { .. } => {
            Problem::internal(error)
        }
        _ => Problem::invalid(error.to_string()),
    }
}
