//! Which Marathon answers, and what that one can do.

use std::fmt;
use std::str::FromStr;

/// A version such as `1.4.1` or `1.5.6-96-g3a77dd8`, without what follows the numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct MarathonVersion {
    major: u16,
    minor: u16,
    patch: u16,
}

impl MarathonVersion {
    /// `major.minor.patch`.
    pub const fn new(major: u16, minor: u16, patch: u16) -> Self {
        MarathonVersion { major, minor, patch }
    }

    /// Whether an app can be changed by PATCH, which unlike PUT never creates one, and replaced as a whole by PUT.
    pub fn has_patch(self) -> bool {
        self >= MarathonVersion::new(1, 4, 0)
    }

    /// Whether `taskKillGracePeriodSeconds` is known. Before, a task gets the agent's own grace, 3 s as Mesos is delivered.
    pub fn has_kill_grace(self) -> bool {
        self >= MarathonVersion::new(1, 3, 0)
    }

    /// Whether an app says its network in `networks`, and not in `container.docker.network`.
    pub fn has_networks(self) -> bool {
        self >= MarathonVersion::new(1, 5, 0)
    }
}

impl FromStr for MarathonVersion {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let numbers = text.trim().split(['-', '+', ' ']).next().unwrap_or_default();
        let mut parts = numbers.split('.').map(str::parse::<u16>);
        match (parts.next(), parts.next(), parts.next()) {
            (Some(Ok(major)), Some(Ok(minor)), patch) if patch.as_ref().is_none_or(Result::is_ok) => {
                Ok(MarathonVersion { major, minor, patch: patch.and_then(Result::ok).unwrap_or(0) })
            }
            _ => Err(format!("{text:?} is no version such as 1.5.6")),
        }
    }
}

impl fmt::Display for MarathonVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_count_and_not_the_text() {
        for (text, version) in [
            ("1.1.1", MarathonVersion::new(1, 1, 1)),
            ("1.4.1-SNAPSHOT", MarathonVersion::new(1, 4, 1)),
            ("1.5.6-96-g3a77dd8", MarathonVersion::new(1, 5, 6)),
            (" 1.11.24 ", MarathonVersion::new(1, 11, 24)),
            ("1.10", MarathonVersion::new(1, 10, 0)),
        ] {
            assert_eq!(text.parse(), Ok(version), "{text}");
        }
        for wrong in ["", "unknown", "1", "1.x", "1.2.x", "-1.2.3", "v1.2.3"] {
            assert!(wrong.parse::<MarathonVersion>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn version_1_11_is_later_than_1_4() {
        let can = |text: &str| {
            let version: MarathonVersion = text.parse().unwrap();
            (version.has_kill_grace(), version.has_patch(), version.has_networks())
        };
        assert_eq!(can("1.1.1"), (false, false, false));
        assert_eq!(can("1.3.0"), (true, false, false));
        assert_eq!(can("1.4.1"), (true, true, false));
        assert_eq!(can("1.5.0"), (true, true, true));
        assert_eq!(can("1.11.24"), (true, true, true));
    }
}
