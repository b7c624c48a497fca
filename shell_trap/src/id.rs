//! The job's identity.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

/// The uuid of a job. It is written with hyphens to the supervisor, and as 32 hex digits in names of containers and
/// directories.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct JobId(Uuid);

impl JobId {
    /// The 32 hex digits.
    pub fn hex(&self) -> String {
        self.0.simple().to_string()
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

impl fmt::Debug for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for JobId {
    type Err = String;

    /// Takes both notations.
    fn from_str(text: &str) -> Result<Self, String> {
        match text.len() {
            32 | 36 => Uuid::parse_str(text).map(JobId).map_err(|e| format!("{text:?} is no uuid: {e}")),
            _ => Err(format!("{text:?} is no uuid: 32 hex digits, or the same with four hyphens")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_notations_are_one_job() {
        let hyphens: JobId = "1b4e28ba-2fa1-11d2-883f-0016d3cca427".parse().unwrap();
        let digits: JobId = "1b4e28ba2fa111d2883f0016d3cca427".parse().unwrap();
        assert_eq!(hyphens, digits);
        assert_eq!(digits.hex(), "1b4e28ba2fa111d2883f0016d3cca427");
        assert_eq!(digits.to_string(), "1b4e28ba-2fa1-11d2-883f-0016d3cca427");
    }

    #[test]
    fn a_path_is_no_uuid() {
        for text in ["", "../../../../../../etc/passwd/aaaa", "x", "{1b4e28ba-2fa1-11d2-883f-0016d3cca427}"] {
            assert!(text.parse::<JobId>().is_err(), "{text}");
        }
    }
}
