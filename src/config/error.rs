//! What can be wrong with the settings. All of it is reported at once.

use std::fmt;
use std::path::PathBuf;

use super::value::Source;

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// The file cannot be read.
    #[error("cannot read the configuration file {}: {reason}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// The file is not TOML.
    #[error("{source}: not TOML: {reason}", source = origin)]
    Syntax {
        /// The line.
        origin: Source,
        /// What the parser said.
        reason: String,
    },
    /// No such setting.
    #[error("unknown setting {key} ({origin}){}", nearest.as_ref().map(|n| format!(": did you mean {n}?")).unwrap_or_default())]
    Unknown {
        /// The key as it was written.
        key: String,
        /// Where.
        origin: Source,
        /// The known one that is most like it.
        nearest: Option<String>,
    },
    /// A value of the wrong type or out of range.
    #[error("{key} = {found} ({origin}): {expected}")]
    Invalid {
        /// `section.key`.
        key: String,
        /// The value as it was written.
        found: String,
        /// Where.
        origin: Source,
        /// What would be right.
        expected: String,
    },
}

/// Everything that is wrong with the settings; never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError(pub Vec<Problem>);

impl std::error::Error for ConfigError {}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_slice() {
            [one] => one.fmt(f),
            several => {
                write!(f, "{} settings are wrong:", several.len())?;
                several.iter().try_for_each(|problem| write!(f, "\n  - {problem}"))
            }
        }
    }
}
