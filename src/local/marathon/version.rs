//! Which Marathon is being imitated.

use std::fmt;
use std::str::FromStr;

/// The behaviour that is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum MarathonVersion {
    /// 1.1.1: the version of the published experiments.
    V1_1,
    /// 1.4.1
    V1_4,
    /// 1.5.6
    #[default]
    V1_5,
}

impl MarathonVersion {
    /// As on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            MarathonVersion::V1_1 => "1.1",
            MarathonVersion::V1_4 => "1.4",
            MarathonVersion::V1_5 => "1.5",
        }
    }

    /// As in `/v2/info`.
    pub const fn full(self) -> &'static str {
        match self {
            MarathonVersion::V1_1 => "1.1.1",
            MarathonVersion::V1_4 => "1.4.1",
            MarathonVersion::V1_5 => "1.5.6",
        }
    }

    /// 1.4 or later.
    pub const fn since_1_4(self) -> bool {
        !matches!(self, MarathonVersion::V1_1)
    }

    /// 1.5 or later.
    pub const fn since_1_5(self) -> bool {
        matches!(self, MarathonVersion::V1_5)
    }

    /// How many versions of an app are remembered.
    pub const fn remembered_versions(self) -> usize {
        if self.since_1_5() { 50 } else { 25 }
    }
}

impl fmt::Display for MarathonVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for MarathonVersion {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "1.1" | "1.1.1" => Ok(MarathonVersion::V1_1),
            "1.4" | "1.4.1" => Ok(MarathonVersion::V1_4),
            "1.5" | "1.5.6" => Ok(MarathonVersion::V1_5),
            other => Err(format!("{other:?} is not a Marathon version that is served: 1.1, 1.4 or 1.5 is")),
        }
    }
}
