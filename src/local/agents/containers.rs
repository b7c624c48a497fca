//! The containers that run.

use std::sync::Arc;

use serde_json::Value;
use shell_trap::groups::TASK;

use crate::launcher::marathon::spec::variable;
use crate::local::driver::State;
use crate::local::executor::RunningTask;
use crate::local::executor::name::safe_name;

/// Says where the agent of a job puts its container's control group.
const GROUP_PARENT: &str = "SHELL_TRAP_CGROUP_PARENT";
/// What the agent runs its job with.
const RUNTIME: &str = "SHELL_TRAP_RUNTIME";

/// What stands for the image of a process.
const NO_IMAGE: &str = "none";

/// A container, or a task that stands for one.
pub(super) struct Container {
    /// Its node.
    pub hostname: String,
    /// As Docker calls it.
    pub name: String,
    /// Its image.
    pub image: String,
    /// The task that it is, or that has started it.
    pub task: Arc<dyn RunningTask>,
    /// What is known of it when an agent has started it.
    pub by_agent: Option<ByAgent>,
}

/// A container that `shell_trap` runs.
pub(super) struct ByAgent {
    /// Docker runs it; else it is a process of the agent.
    pub docker: bool,
    /// The control group that the agent was told to put it into.
    pub group: Option<String>,
}

/// All that run; `env` is the environment of every task.
pub(super) fn containers(state: &State, env: &[(String, String)]) -> Vec<Container> {
    let of_chronos = state.chronos.tasks().filter_map(|task| {
        let image = state.chronos.find(&task.wanted.job).and_then(|job| Some(job.container.as_ref()?.spec().image));
        Some(Container {
            hostname: state.nodes.hostname(task.node).to_owned(),
            name: safe_name(&task.wanted.to_string()),
            image: named(image),
            task: state.running.get(&task.seq)?.clone(),
            by_agent: None,
        })
    });
    let of_marathon = state.marathon.tasks().filter_map(|task| {
        let node = state.nodes.iter().nth(task.node);
        let of_node = |name: &str| node.and_then(|node| value(&node.env, name)).or_else(|| value(env, name));
        let variable = |name: &str| task.app.env.get(name).map(String::as_str).or_else(|| of_node(name));
        let own = || Some(task.app.container.as_ref()?.docker.as_ref()?.image.clone());
        let spec: Option<Value> = variable(variable::SPEC).and_then(|spec| serde_json::from_str(spec).ok());
        let of_spec = spec.as_ref().and_then(|spec| spec["image"].as_str()).map(str::to_owned);
        // Its 32 digits are what its agent calls the container.
        let uuid = variable(variable::UUID).map(|uuid| uuid.replace('-', ""));
        let docker = match variable(RUNTIME) {
            Some("docker") => true,
            Some("process") => false,
            _ => of_spec.is_some(),
        };
        // What is in the task's own group is measured with its agent, as a process is.
        let in_task = variable(GROUP_PARENT) == Some(TASK);
        let group = variable(GROUP_PARENT).filter(|_| !in_task).map(str::to_owned);
        let docker = docker && !in_task;
        Some(Container {
            hostname: task.hostname.clone(),
            by_agent: uuid.is_some().then_some(ByAgent { docker, group }),
            name: safe_name(uuid.as_ref().unwrap_or(&task.id)),
            image: named(of_spec.or_else(own)),
            task: state.running.get(&task.seq)?.clone(),
        })
    });
    of_chronos.chain(of_marathon).collect()
}

fn named(image: Option<String>) -> String {
    image.filter(|image| !image.is_empty()).unwrap_or_else(|| NO_IMAGE.to_owned())
}

/// The last one that is given counts.
fn value<'a>(env: &'a [(String, String)], name: &str) -> Option<&'a str> {
    env.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
}
