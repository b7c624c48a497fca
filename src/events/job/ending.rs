use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::qos::units::{Span, Timestamp};

/// All iterations are done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Completed {
    /// When the last one ended.
    pub finished_at: Timestamp,
    /// Inside the deadline?
    pub on_time: bool,
    /// Deadline minus finish; negative when late.
    pub margin: Span,
}

/// The job will not be done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failed {
    /// Why, for people.
    pub reason: String,
}

/// An operator ended the job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cancelled {
    /// Why, for people.
    pub reason: String,
}

/// The registration was taken back before the first start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Withdrawn {
    /// Why, for people.
    pub reason: String,
    /// The framework may have the job, or get it yet, and would run it at once: it is looked for and removed.
    pub may_come: bool,
}

impl Withdrawn {
    /// After an event of schema 1 the framework was not touched.
    pub(super) fn from_schema_1(mut data: Value) -> Value {
        if let Some(fields) = data.as_object_mut() {
            fields.insert("may_come".into(), false.into());
        }
        data
    }
}

/// What became of the framework's job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Removal {
    /// We deleted it.
    Deleted,
    /// It was gone already.
    AlreadyGone,
    /// This version does not touch jobs of this framework: the operator removes it.
    NotTouched,
    /// A job of this name is there, but does not carry our identity: left alone.
    NotOurs,
}

/// The framework no longer has the job, or has another one of its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Removed {
    /// What became of it.
    pub how: Removal,
}
