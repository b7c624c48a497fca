//! Which Chronos is being imitated.

use std::fmt;
use std::str::FromStr;

/// The behaviour that is served; one at a time, as a real Chronos does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ChronosVersion {
    /// 2.4.0, under `/scheduler`: the version of the published experiments.
    V2_4,
    /// 3.0.2, under `/v1/scheduler`.
    #[default]
    V3_0,
}

impl ChronosVersion {
    /// The path that every route of the scheduler begins with.
    pub const fn prefix(self) -> &'static str {
        match self {
            ChronosVersion::V2_4 => "/scheduler",
            ChronosVersion::V3_0 => "/v1/scheduler",
        }
    }

    /// As on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            ChronosVersion::V2_4 => "2.4",
            ChronosVersion::V3_0 => "3.0",
        }
    }

    /// Whether this is the 3.x line.
    pub const fn is_v3(self) -> bool {
        matches!(self, ChronosVersion::V3_0)
    }

    /// The names that may be created, as the error message quotes them.
    pub const fn name_pattern(self) -> &'static str {
        match self {
            ChronosVersion::V2_4 => r"([\w\s#_-]+)",
            ChronosVersion::V3_0 => r"([\w\.-]+)",
        }
    }

    /// Whether a job of this name may be created. `\w` and `\s` mean ASCII here, as in Java.
    pub fn allows_name(self, name: &str) -> bool {
        let allowed = |c: char| match self {
            ChronosVersion::V2_4 => {
                c.is_ascii_alphanumeric() || matches!(c, '_' | '#' | '-' | ' ' | '\t' | '\n' | '\x0b' | '\x0c' | '\r')
            }
            ChronosVersion::V3_0 => c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-'),
        };
        !name.is_empty() && name.chars().all(allowed)
    }
}

impl fmt::Display for ChronosVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for ChronosVersion {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "2.4" | "2.4.0" => Ok(ChronosVersion::V2_4),
            "3.0" | "3.0.2" => Ok(ChronosVersion::V3_0),
            other => Err(format!("{other:?} is not a Chronos version that is served: 2.4 or 3.0 is")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::ChronosVersion::{V2_4, V3_0};

    #[test]
    fn names_differ_by_version() {
        assert!(V2_4.allows_name("job with spaces #1"));
        assert!(!V2_4.allows_name("job.1"));
        assert!(V3_0.allows_name("job.1"));
        assert!(!V3_0.allows_name("job with spaces"));
        assert!(!V3_0.allows_name("job#1"));
        for version in [V2_4, V3_0] {
            for name in ["", "a:b", "it's", "x$(id)", "höhe"] {
                assert!(!version.allows_name(name), "{name:?} in {version}");
            }
        }
    }
}
