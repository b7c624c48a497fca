//! From the author's app to the one that is submitted.

use reqwest::Url;
use serde_json::{Map, Value, json};

use super::agent::AgentSettings;
use super::app_file::MarathonAppFile;
use super::ports::PortPlan;
use super::spec::variable;
use crate::clients::marathon::MarathonVersion;
use crate::qos::ids::JobId;

/// What a task gets between TERM and KILL where an app cannot say it: Mesos' own default.
const MESOS_GRACE_SECONDS: u32 = 3;

/// Variables that would act on the agent's shell, loader or Docker client before they reach the container; so would those
/// that begin with `LD_` or `DOCKER_`.
const ACTS_ON_THE_AGENT: [&str; 6] = ["PATH", "IFS", "ENV", "BASH_ENV", "SHELLOPTS", "BASHOPTS"];

/// What the submitted app must know of its supervision.
#[derive(Debug, Clone)]
pub struct Trap<'a> {
    /// The job's identity.
    pub uuid: JobId,
    /// The supervisor's address.
    pub supervisor: &'a Url,
    /// Opens the job's callbacks; absent when the supervisor asks for none.
    pub token: Option<&'a str>,
    /// A PEM file on the agents.
    pub cacert: Option<&'a str>,
    /// Where things lie on the agents.
    pub agent: &'a AgentSettings,
    /// The Marathon that gets the app.
    pub version: MarathonVersion,
}

/// The app as Marathon gets it: `shell_trap` in place of the author's program and container, which go into the
/// environment; everything else kept in order.
pub fn rewrite(file: &MarathonAppFile, trap: &Trap<'_>) -> Value {
    let mut app = file.app.clone();
    let grace = kill_grace(file, trap.agent);
    // A shell that stays would die at the TERM in shell_trap's place.
    app.insert("cmd".into(), format!("exec {}", quote(&trap.agent.executor_path)).into());
    app.insert("instances".into(), 1.into());
    // The old task must be over before the new one starts, or both would run the job.
    app.insert("upgradeStrategy".into(), json!({"minimumHealthCapacity": 0, "maximumOverCapacity": 0}));
    app.insert("taskKillGracePeriodSeconds".into(), grace.into());
    if trap.version.has_networks() {
        app.insert("networks".into(), json!([{"mode": "host"}]));
    }
    if let PortPlan::Definitions { list, fixed } = &file.ports {
        app.insert("portDefinitions".into(), Value::Array(list.clone()));
        app.insert("requirePorts".into(), (*fixed).into());
    }
    let effective = if trap.version.has_kill_grace() { grace } else { MESOS_GRACE_SECONDS };
    app.insert("env".into(), environment(file, trap, effective).into());
    Value::Object(app)
}

/// What `trap` cannot keep of the app, in sentences.
pub fn warnings(file: &MarathonAppFile, agent: &AgentSettings, version: MarathonVersion) -> Vec<String> {
    let mut warnings = Vec::new();
    let asked = file.kill_grace_seconds.filter(|asked| *asked < agent.kill_grace_seconds);
    if let Some(asked) = asked {
        warnings.push(format!(
            "taskKillGracePeriodSeconds: becomes {}, found {asked}: a checkpoint must be written in this time \
             (launcher.task_kill_grace_period_seconds)",
            agent.kill_grace_seconds
        ));
    }
    if !version.has_kill_grace() {
        warnings.push(format!(
            "taskKillGracePeriodSeconds: Marathon {version} ignores it, and the agents kill {MESOS_GRACE_SECONDS} s after \
             TERM: a checkpoint that takes longer is lost, and the job goes back to the one before"
        ));
    }
    warnings
}

fn kill_grace(file: &MarathonAppFile, agent: &AgentSettings) -> u32 {
    file.kill_grace_seconds.unwrap_or(0).max(agent.kill_grace_seconds)
}

fn environment(file: &MarathonAppFile, trap: &Trap<'_>, grace_seconds: u32) -> Map<String, Value> {
    let own = file.spec.env.iter().filter(|(name, _)| !acts_on_the_agent(name));
    let mut env: Map<String, Value> = own.map(|(name, value)| (name.clone(), value.as_str().into())).collect();
    let supervisor = trap.supervisor.as_str().trim_end_matches('/');
    let ours = [
        (variable::UUID, Some(trap.uuid.to_string())),
        (variable::SUPERVISOR, Some(supervisor.to_owned())),
        (variable::TOKEN, trap.token.map(str::to_owned)),
        (variable::CACERT, trap.cacert.map(str::to_owned)),
        (variable::CHECKPOINT_DIR, Some(trap.agent.checkpoint_dir.clone())),
        (variable::GRACE_SECONDS, Some(grace_seconds.to_string())),
        (variable::SPEC, Some(file.spec.to_json())),
    ];
    env.extend(ours.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?.into()))));
    env
}

fn acts_on_the_agent(name: &str) -> bool {
    ACTS_ON_THE_AGENT.contains(&name) || name.starts_with("LD_") || name.starts_with("DOCKER_")
}

fn quote(path: &str) -> String {
    // A NUL is all that the library refuses, and the settings were checked for it.
    shlex::try_quote(path).map(|quoted| quoted.into_owned()).unwrap_or_default()
}
