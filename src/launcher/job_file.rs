//! A job file: the framework's own job JSON plus `qos`, read and checked as a whole.

use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::chronos_job::{self, ChronosJobFile};
use super::findings::Finding;
use super::marathon::app_file::{self, MarathonAppFile};
use crate::qos::units::Timestamp;

/// A job file is a few kilobytes; more is a mistake.
const LARGEST: u64 = 1024 * 1024;

/// Where a job comes from.
#[derive(Debug, Clone)]
pub enum JobSource {
    /// A file of JSON.
    File(PathBuf),
    /// The JSON itself.
    Json(Value),
}

/// A job file that cannot be launched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JobFileError {
    /// The file cannot be read or is no JSON object.
    Unreadable {
        /// The file; absent for JSON that was handed over.
        path: Option<PathBuf>,
        /// What is wrong and what would be right.
        problem: String,
    },
    /// It is a Marathon app, and a Chronos job was wanted.
    Marathon,
    /// It is a Chronos job, and a Marathon app was wanted.
    Chronos,
    /// Fields are wrong: all of them.
    Invalid(Vec<Finding>),
}

impl fmt::Display for JobFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            JobFileError::Unreadable { path: Some(path), problem } => write!(f, "{}: {problem}", path.display()),
            JobFileError::Unreadable { path: None, problem } => write!(f, "job: {problem}"),
            JobFileError::Marathon => {
                write!(f, "id: this is a Marathon app: launch it with -m and the credentials of Marathon")
            }
            JobFileError::Chronos => {
                write!(f, "name: this is a Chronos job: launch it with -c and the credentials of Chronos")
            }
            JobFileError::Invalid(errors) => {
                write!(f, "the job file has {} error{}:", errors.len(), if errors.len() == 1 { "" } else { "s" })?;
                errors.iter().try_for_each(|error| write!(f, "\n  {error}"))
            }
        }
    }
}

impl std::error::Error for JobFileError {}

impl JobSource {
    /// Reads and checks a Chronos job as of `now`.
    ///
    /// # Errors
    /// When it is no Chronos job that can be supervised; every wrong field is told.
    pub fn load(self, now: Timestamp) -> Result<ChronosJobFile, JobFileError> {
        let members = self.members()?;
        if looks_like_marathon(&members) {
            return Err(JobFileError::Marathon);
        }
        chronos_job::check(members, now).map_err(JobFileError::Invalid)
    }

    /// Reads and checks a Marathon app.
    ///
    /// # Errors
    /// When it is no Marathon app that can be supervised; every wrong field is told.
    pub fn load_app(self) -> Result<MarathonAppFile, JobFileError> {
        let members = self.members()?;
        if !members.contains_key("id") && ["name", "schedule", "parents"].iter().any(|key| members.contains_key(*key)) {
            return Err(JobFileError::Chronos);
        }
        app_file::check(members).map_err(JobFileError::Invalid)
    }

    fn members(self) -> Result<Map<String, Value>, JobFileError> {
        match self {
            JobSource::File(path) => {
                object(read(&path)?).map_err(|problem| JobFileError::Unreadable { path: Some(path), problem })
            }
            JobSource::Json(value) => object(value).map_err(|problem| JobFileError::Unreadable { path: None, problem }),
        }
    }
}

fn looks_like_marathon(members: &Map<String, Value>) -> bool {
    members.contains_key("id") && !members.contains_key("name") && !members.contains_key("schedule")
}

fn object(value: Value) -> Result<Map<String, Value>, String> {
    match value {
        Value::Object(members) => Ok(members),
        _ => Err("should hold one JSON object in braces: the framework's job with \"qos\" added".into()),
    }
}

fn read(path: &Path) -> Result<Value, JobFileError> {
    let fail = |problem: String| JobFileError::Unreadable { path: Some(path.to_owned()), problem };
    let file = std::fs::File::open(path).map_err(|error| fail(error.to_string()))?;
    let mut text = String::new();
    file.take(LARGEST + 1).read_to_string(&mut text).map_err(|error| fail(error.to_string()))?;
    if text.len() as u64 > LARGEST {
        return Err(fail(format!("larger than {LARGEST} bytes: this is no job file")));
    }
    let text = text.trim_start_matches('\u{feff}');
    if text.trim().is_empty() {
        return Err(fail("the file is empty".into()));
    }
    serde_json::from_str(text).map_err(|error| fail(format!("not JSON: {error}")))
}
