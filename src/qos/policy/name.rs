//! The policies by name.

/// Which rule decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PolicyName {
    /// The least CPU whose predicted finish is inside the deadline.
    Predictive,
    /// Fixed steps up and down, as published.
    Step,
    /// In proportion to how late the job would be.
    Proportional,
    /// A controller with a memory.
    Pid,
    /// The submitted CPU, always.
    Fixed,
}

/// A name that no policy has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name:?} is not a policy: {}{}", known(), nearest.map(|n| format!("; did you mean {:?}?", n.as_str())).unwrap_or_default())]
pub struct UnknownPolicy {
    /// What was written.
    pub name: String,
    /// What was probably meant.
    pub nearest: Option<PolicyName>,
}

fn known() -> String {
    let names: Vec<&str> = PolicyName::ALL.iter().map(|name| name.as_str()).collect();
    match names.split_last() {
        Some((last, others)) => format!("expected {} or {last}", others.join(", ")),
        None => String::new(),
    }
}

impl PolicyName {
    /// Every policy.
    pub const ALL: [PolicyName; 5] =
        [PolicyName::Predictive, PolicyName::Step, PolicyName::Proportional, PolicyName::Pid, PolicyName::Fixed];

    /// The name in configuration, job files, events and answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            PolicyName::Predictive => "predictive",
            PolicyName::Step => "step",
            PolicyName::Proportional => "proportional",
            PolicyName::Pid => "pid",
            PolicyName::Fixed => "fixed",
        }
    }
}

impl std::str::FromStr for PolicyName {
    type Err = UnknownPolicy;

    /// # Errors
    /// Names the policies, and the one that was probably meant.
    fn from_str(name: &str) -> Result<Self, UnknownPolicy> {
        if let Some(known) = PolicyName::ALL.into_iter().find(|known| known.as_str() == name) {
            return Ok(known);
        }
        let likeness =
            |known: &PolicyName| strsim::normalized_damerau_levenshtein(&name.to_lowercase(), known.as_str());
        let nearest = PolicyName::ALL
            .into_iter()
            .max_by(|a, b| likeness(a).total_cmp(&likeness(b)))
            .filter(|known| likeness(known) >= 0.4);
        Err(UnknownPolicy { name: name.to_owned(), nearest })
    }
}

impl std::fmt::Display for PolicyName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_name_is_answered_with_the_nearest() {
        let error = "predictiv".parse::<PolicyName>().unwrap_err().to_string();
        assert_eq!(
            error,
            "\"predictiv\" is not a policy: expected predictive, step, proportional, pid or fixed; did you mean \"predictive\"?"
        );
        assert_eq!("PID ".trim().parse::<PolicyName>().unwrap_err().nearest, Some(PolicyName::Pid));
        assert_eq!("zzzz".parse::<PolicyName>().unwrap_err().nearest, None);
        for name in PolicyName::ALL {
            assert_eq!(name.as_str().parse(), Ok(name));
        }
    }
}
