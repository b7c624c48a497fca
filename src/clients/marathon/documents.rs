//! What Marathon returns, in all versions: unknown members are ignored, and null is the same as absent.

use std::fmt;

use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use super::id::AppId;
use crate::qos::ids::JobId;
use crate::qos::units::Cpus;

/// Null counts as absent: 1.1 and 1.4 write it for what is not set.
fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(deserializer: D) -> Result<T, D::Error> {
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

fn cpus<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Cpus, D::Error> {
    Cpus::try_from_f64(f64::deserialize(deserializer)?).map_err(serde::de::Error::custom)
}

/// `GET /v2/info`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct MarathonInfo {
    /// Of the framework, usually `marathon`.
    #[serde(default, deserialize_with = "or_default")]
    pub name: String,
    /// As Marathon writes it.
    pub version: String,
    /// `host:port`; absent while there is no leader.
    #[serde(default)]
    pub leader: Option<String>,
}

/// An app, as far as it is used.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MarathonApp {
    /// Its id, absolute.
    pub id: AppId,
    /// CPUs of each of its tasks.
    #[serde(deserialize_with = "cpus")]
    pub cpus: Cpus,
    /// How many tasks it should have.
    #[serde(default, deserialize_with = "or_default")]
    pub instances: u32,
    /// The shell command.
    #[serde(default)]
    pub cmd: Option<String>,
    /// Its environment.
    #[serde(default, deserialize_with = "or_default")]
    pub env: AppEnvironment,
    /// The instant of its last change, which names its version.
    #[serde(default)]
    pub version: Option<String>,
    /// Tasks that are on their way to run.
    #[serde(default, deserialize_with = "or_default")]
    pub tasks_staged: u32,
    /// Tasks that run.
    #[serde(default, deserialize_with = "or_default")]
    pub tasks_running: u32,
    /// The deployments that hold it.
    #[serde(default, deserialize_with = "or_default")]
    deployments: Vec<Reference>,
    /// Its tasks; a list of apps does not say them.
    #[serde(default, deserialize_with = "or_default")]
    pub tasks: Vec<MarathonTask>,
    /// The last task that ended otherwise than it should have; a list of apps does not say it.
    #[serde(default)]
    pub last_task_failure: Option<TaskFailure>,
}

impl MarathonApp {
    /// The deployments that hold it; none means that it is as it should be.
    pub fn deployments(&self) -> impl Iterator<Item = &str> {
        self.deployments.iter().map(|deployment| deployment.id.as_str())
    }

    /// Whether the app was submitted under `uuid`: its text, with dashes or without, stands in the value of an
    /// environment variable or in the command.
    pub fn carries(&self, uuid: JobId) -> bool {
        let dashed = uuid.to_string();
        let plain = hex::encode(uuid.as_bytes());
        let holds = |text: &str| {
            let text = text.to_ascii_lowercase();
            text.contains(&dashed) || text.contains(&plain)
        };
        self.env.0.values().filter_map(Value::as_str).any(holds) || self.cmd.as_deref().is_some_and(holds)
    }
}

/// The variables of an app. They hold the job's token, so `Debug` shows their names alone.
#[derive(Clone, Default, PartialEq, Deserialize)]
#[serde(transparent)]
pub struct AppEnvironment(Map<String, Value>);

impl AppEnvironment {
    /// The value of a variable; absent for a reference to a secret, too.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).and_then(Value::as_str)
    }
}

impl fmt::Debug for AppEnvironment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// Something that is told by its id alone.
#[derive(Debug, Clone, PartialEq, Deserialize)]
struct Reference {
    id: String,
}

/// One task of an app.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MarathonTask {
    /// Its id in Mesos; its form differs from one version to the next.
    pub id: String,
    /// The app that it is of.
    #[serde(default)]
    pub app_id: Option<AppId>,
    /// The Mesos agent that it runs on.
    #[serde(default)]
    pub slave_id: Option<String>,
    /// The agent that it runs on.
    #[serde(default)]
    pub host: Option<String>,
    /// The state in Mesos' words; 1.1 does not say it.
    #[serde(default)]
    pub state: Option<String>,
    /// When it began to run; absent before.
    #[serde(default)]
    pub started_at: Option<String>,
    /// The host ports that it was given.
    #[serde(default, deserialize_with = "or_default")]
    pub ports: Vec<u16>,
    /// The version of the app that it was started from.
    #[serde(default)]
    pub version: Option<String>,
}

impl MarathonTask {
    /// Whether it runs.
    pub fn is_running(&self) -> bool {
        match self.state.as_deref() {
            Some(state) => state == "TASK_RUNNING",
            None => self.started_at.is_some(),
        }
    }
}

/// How a task failed.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TaskFailure {
    /// The task.
    #[serde(default, deserialize_with = "or_default")]
    pub task_id: String,
    /// The state in Mesos' words.
    #[serde(default, deserialize_with = "or_default")]
    pub state: String,
    /// What the agent said.
    #[serde(default, deserialize_with = "or_default")]
    pub message: String,
    /// When.
    #[serde(default)]
    pub timestamp: Option<String>,
}

/// A change that is under way.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Deployment {
    /// Its id.
    pub id: String,
    /// The apps that it changes, and therefore locks.
    #[serde(default, deserialize_with = "or_default")]
    pub affected_apps: Vec<AppId>,
    /// The step it is at, from 1.
    #[serde(default, deserialize_with = "or_default")]
    pub current_step: u32,
    /// How many there are.
    #[serde(default, deserialize_with = "or_default")]
    pub total_steps: u32,
}

/// A change that Marathon has begun to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// The deployment that makes it, when Marathon named one; it is over when it is gone from the list.
    pub deployment: Option<String>,
    /// The version of the app that comes of it.
    pub version: Option<String>,
}

/// The answer to a change.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Changed {
    #[serde(default)]
    deployment_id: Option<String>,
    #[serde(default)]
    version: Option<String>,
}

impl From<Changed> for Accepted {
    fn from(changed: Changed) -> Self {
        Accepted { deployment: changed.deployment_id, version: changed.version }
    }
}

impl From<MarathonApp> for Accepted {
    fn from(app: MarathonApp) -> Self {
        Accepted { deployment: app.deployments.into_iter().next().map(|one| one.id), version: app.version }
    }
}

/// `{"app": ..}`
#[derive(Debug, Deserialize)]
pub(super) struct OneApp {
    pub app: MarathonApp,
}

/// `{"apps": [..]}`
#[derive(Debug, Deserialize)]
pub(super) struct Apps {
    pub apps: Vec<MarathonApp>,
}

/// `{"tasks": [..]}`
#[derive(Debug, Deserialize)]
pub(super) struct Tasks {
    pub tasks: Vec<MarathonTask>,
}
