//! Alarm definitions: when Monasca raises an alarm, and whom it tells.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Monasca, MonascaError};

const PATH: &str = "alarm-definitions";

/// How bad an alarm is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum, Default)]
#[serde(rename_all = "UPPERCASE")]
#[value(rename_all = "UPPER")]
pub enum Severity {
    /// Monasca's own default.
    #[default]
    Low,
    /// Worth a look.
    Medium,
    /// Worth a look now.
    High,
    /// Wake somebody.
    Critical,
}

/// An alarm definition, without what Monasca adds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AlarmDefinition {
    /// Unique in the project.
    pub name: String,
    /// Such as `last(prediction_vs_deadline) > 0`.
    pub expression: String,
    /// For people.
    #[serde(default)]
    pub description: String,
    /// How bad it is.
    #[serde(default)]
    pub severity: Severity,
    /// Dimensions of which each combination of values gets an alarm of its own.
    #[serde(default)]
    pub match_by: Vec<String>,
    /// Ids of the notification methods that are told when it is raised.
    #[serde(default)]
    pub alarm_actions: Vec<String>,
    /// Those that are told when it is over.
    #[serde(default)]
    pub ok_actions: Vec<String>,
    /// Those that are told when no values come any more.
    #[serde(default)]
    pub undetermined_actions: Vec<String>,
}

impl Monasca {
    /// Every alarm definition of the project, as Monasca shows it.
    ///
    /// # Errors
    /// When a request fails; so for all calls below.
    pub async fn alarm_definitions(&self) -> Result<Vec<Value>, MonascaError> {
        self.list(PATH).await
    }

    /// Makes an alarm definition; returns it as Monasca shows it.
    ///
    /// # Errors
    /// 409 when the name is taken, 422 when the expression or an action is none.
    pub async fn create_alarm_definition(&self, wanted: &AlarmDefinition) -> Result<Value, MonascaError> {
        self.post(&[PATH], &json!(wanted)).await
    }

    /// Deletes the one with this id; whether there was one.
    pub async fn delete_alarm_definition(&self, id: &str) -> Result<bool, MonascaError> {
        self.delete(&[PATH, id]).await
    }
}
