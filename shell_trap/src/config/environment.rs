//! The variables that this process was started with.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Result, anyhow, ensure};

/// Reads variables by name.
pub struct Environment(pub(super) BTreeMap<String, String>);

impl Environment {
    /// Of this process; variables that are not UTF-8 cannot be ours and are left out.
    pub fn of_process() -> Self {
        Environment(
            std::env::vars_os().filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?))).collect(),
        )
    }

    /// Of given variables.
    pub fn of(variables: impl IntoIterator<Item = (String, String)>) -> Self {
        Environment(variables.into_iter().collect())
    }

    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    pub(super) fn parsed<T: FromStr>(&self, name: &str) -> Result<Option<T>>
    where
        T::Err: fmt::Display,
    {
        self.text(name).map(|text| text.trim().parse().map_err(|e| anyhow!("{name}={text:?}: {e}"))).transpose()
    }

    pub(super) fn seconds(&self, name: &str, default: f64, range: std::ops::RangeInclusive<f64>) -> Result<Duration> {
        let value = self.parsed::<f64>(name)?.unwrap_or(default);
        ensure!(range.contains(&value), "{name}={value}: must be {} to {} seconds", range.start(), range.end());
        Ok(Duration::from_secs_f64(value))
    }
}

/// What Marathon and Mesos tell a task about its place; our own variables, above all the token, are not the job's business.
pub(super) fn framework_env(environment: &Environment) -> BTreeMap<String, String> {
    let wanted = |name: &str| {
        let port = name
            .strip_prefix("PORT")
            .is_some_and(|rest| rest.is_empty() || rest == "S" || rest.starts_with('_') || rest.parse::<u16>().is_ok());
        port || name == "HOST" || name == "MESOS_TASK_ID" || name.starts_with("MARATHON_APP_")
    };
    environment.0.iter().filter(|(name, _)| wanted(name)).map(|(k, v)| (k.clone(), v.clone())).collect()
}
