//! A setting's value before it is checked, and where it came from.

use std::fmt;
use std::path::PathBuf;

/// Where a value was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A command-line flag, such as `--rest-port`.
    Flag(&'static str),
    /// An environment variable.
    Env(String),
    /// A line of the configuration file.
    File {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
    },
    /// Nobody wrote it.
    Default,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Flag(name) => write!(f, "flag {name}"),
            Source::Env(name) => write!(f, "environment variable {name}"),
            Source::File { path, line } => write!(f, "{}:{line}", path.display()),
            Source::Default => f.write_str("default"),
        }
    }
}

/// A value as it was written.
#[derive(Debug, Clone, PartialEq)]
pub enum Raw {
    /// From a flag or the environment, where everything is text.
    Untyped(String),
    /// A TOML string.
    Text(String),
    /// A TOML integer or float.
    Number(f64),
    /// A TOML boolean.
    Bool(bool),
    /// Anything else: its kind, for the message.
    Other(&'static str),
}

impl Raw {
    /// A number, or text from an untyped place that holds one.
    pub fn number(&self) -> Option<f64> {
        match self {
            Raw::Number(number) => Some(*number),
            Raw::Untyped(text) => text.trim().parse().ok(),
            _ => None,
        }
    }

    /// Text that is not empty.
    pub fn text(&self) -> Option<&str> {
        match self {
            Raw::Text(text) | Raw::Untyped(text) if !text.trim().is_empty() => Some(text),
            _ => None,
        }
    }

    /// `true` or `false`.
    pub fn boolean(&self) -> Option<bool> {
        match self {
            Raw::Bool(value) => Some(*value),
            Raw::Untyped(text) => text.trim().parse().ok(),
            _ => None,
        }
    }
}

impl fmt::Display for Raw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Raw::Untyped(text) | Raw::Text(text) => write!(f, "{text:?}"),
            Raw::Number(number) => number.fmt(f),
            Raw::Bool(value) => value.fmt(f),
            Raw::Other(kind) => write!(f, "({kind})"),
        }
    }
}
