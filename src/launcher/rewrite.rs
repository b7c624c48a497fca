//! From the author's job to the one that is submitted.

use std::time::Duration;

use reqwest::Url;
use serde_json::{Map, Value, json};

use super::chronos_job::ChronosJobFile;
use super::schedule::PARKED;
use super::under_agent;
use super::wrapper::{WrapError, Wrapper, variable};
use crate::qos::ids::JobId;

/// What the submitted job must know of its supervision.
#[derive(Debug, Clone)]
pub struct Callback<'a> {
    /// The job's identity.
    pub uuid: JobId,
    /// The supervisor's address.
    pub url: &'a Url,
    /// Opens the job's callbacks; absent when the supervisor asks for none.
    pub token: Option<&'a str>,
    /// For how long the end of a run is reported again and again.
    pub window: Duration,
    /// A PEM file in the job's image.
    pub cacert: Option<&'a str>,
    /// Where `shell_trap` lies on the nodes, for jobs that are to run under it.
    pub executor: &'a str,
}

/// The job as Chronos gets it: command, schedule, `retries`, `disabled` and the environment changed, all else kept in
/// order. The same for Chronos 2.4 and 3: each ignores the keys of the other.
///
/// # Errors
/// When the command cannot be wrapped.
pub fn rewrite(file: &ChronosJobFile, callback: &Callback<'_>) -> Result<Value, WrapError> {
    let wrapper = Wrapper {
        name: &file.name,
        command: &file.command,
        callback_window: callback.window,
        cacert: callback.cacert,
        chain: file.qos.chain,
    };
    let mut job = file.job.clone();
    let wrapped = wrapper.build()?;
    let (command, agent) = if file.qos.in_place {
        (under_agent::command(&wrapped, callback.executor)?, under_agent::environment(&wrapped, callback)?)
    } else {
        (wrapped, Vec::new())
    };
    job.insert("command".into(), Value::String(command));
    job.insert("schedule".into(), PARKED.into());
    // Left to the supervisor: a retry by Chronos would be a start that nobody recorded.
    job.insert("retries".into(), json!(0));
    job.insert("disabled".into(), json!(false));
    add_environment(&mut job, callback, agent);
    Ok(Value::Object(job))
}

fn add_environment(job: &mut Map<String, Value>, callback: &Callback<'_>, agent: Vec<(&str, String)>) {
    let uuid = callback.uuid.to_string();
    let url = callback.url.as_str().trim_end_matches('/');
    let ours = [(variable::UUID, Some(uuid.as_str())), (variable::URL, Some(url)), (variable::TOKEN, callback.token)];
    let ours = ours.iter().filter_map(|(name, value)| Some(json!({"name": name, "value": (*value)?})));
    let variables = ours.chain(agent.into_iter().map(|(name, value)| json!({"name": name, "value": value})));
    match job.entry("environmentVariables").or_insert_with(|| json!([])) {
        Value::Array(list) => list.extend(variables),
        other => *other = variables.collect(),
    }
}
