//! What an app must meet, and what this cluster does not do and therefore refuses.

use super::app::App;
use super::constraint;
use super::container::{Engine, Network};
use super::core::Refusal;
use super::fields::Problems;
use super::id;
use super::update::{Update, different_ports};
use super::version::MarathonVersion;

/// Checks what a body says, apart from any app.
pub fn check_update(update: &Update, version: MarathonVersion) -> Problems {
    let mut problems = Problems::default();
    if version.since_1_5() {
        let posted_network = update.container.as_ref().is_some_and(|posted| posted.docker_network.is_some());
        let networks = update.networks.as_ref().is_some_and(|networks| !networks.is_empty());
        if posted_network && networks {
            problems.add("/", "must not specify both container.docker.network and networks");
        }
        if update.ip_address.is_some() && networks {
            problems.add("/", "must not specify both networks and ipAddress");
        }
        if update.networks.as_ref().is_some_and(|networks| networks.len() > 1) {
            problems.add("/networks", "mesos-qos local connects a task to one network: name one");
        }
        let given = |list: Option<bool>| list == Some(true);
        if given(update.uris.as_ref().map(|l| !l.is_empty())) && given(update.fetch.as_ref().map(|l| !l.is_empty())) {
            problems.add("/uris", "may not be set in conjunction with fetch");
        }
        if different_ports(update) {
            problems.add("/", "cannot specify both ports and port definitions");
        }
        if update.accepted_resource_roles.as_ref().is_some_and(Vec::is_empty) {
            problems.add("/acceptedResourceRoles", "must not be empty");
        }
        // An off-by-one of the original: two characters are the least.
        if update.cmd.as_ref().is_some_and(|cmd| cmd.chars().count() <= 1) {
            problems.add("/", "must not be an empty string");
        }
    }
    unsupported(update, &mut problems);
    problems
}

/// A version in a part of an app means to go back to it, and nothing else can be said then.
///
/// # Errors
/// When something else is.
pub fn check_version(update: &Update, version: MarathonVersion) -> Result<(), Refusal> {
    let what = "The 'version' field may only be combined with the 'id' field.";
    match update.version {
        Some(_) if update.says_more && version.since_1_5() => {
            let mut problems = Problems::default();
            problems.add("/", what);
            Err(Refusal::Invalid(problems))
        }
        Some(_) if update.says_more => Err(Refusal::Requirement(format!("requirement failed: {what}"))),
        _ => Ok(()),
    }
}

/// What would be kept and not be done: better refused.
fn unsupported(update: &Update, problems: &mut Problems) {
    for (path, checks) in [("/healthChecks", &update.health_checks), ("/readinessChecks", &update.readiness_checks)] {
        if checks.as_ref().is_some_and(|checks| !checks.is_empty()) {
            problems
                .add(path, "mesos-qos local runs no checks: leave them out; a task is ready when it is TASK_RUNNING");
        }
    }
    if update.residency {
        problems.add("/residency", "mesos-qos local has no persistent volumes: leave residency out");
    }
    if update.secrets {
        problems.add("/secrets", "Feature secrets is not enabled. Enable with --enable_features secrets)");
    }
    if update.gpus.is_some_and(|gpus| gpus > 0) {
        problems.add("/", "Feature gpu_resources is not enabled. Enable with --enable_features gpu_resources)");
    }
}

/// Checks a whole app.
pub fn check_app(app: &App, version: MarathonVersion) -> Problems {
    let mut problems = Problems::default();
    for path in std::iter::once(&app.id) {
        if path == "/" {
            problems.add("/id", "Path must contain at least one path element");
        } else if !id::is_valid(path) {
            problems.add("/id", format!("must fully match regular expression '{}'", id::SEGMENT));
        }
    }
    for (i, dependency) in app.dependencies.iter().enumerate() {
        if !id::is_valid(dependency) {
            let what = format!("must fully match regular expression '{}'", id::SEGMENT);
            problems.add(format!("/dependencies({i})"), what);
        }
    }
    let (cmd, args) = (app.cmd.as_ref().is_some_and(|cmd| !cmd.is_empty()), !app.args.is_empty());
    let image = app.container.as_ref().is_some_and(|container| container.docker.is_some());
    if (cmd && args) || !(cmd || args || image) {
        problems.add("/", "AppDefinition must either contain one of 'cmd' or 'args', and/or a 'container'.");
    }
    if let Some(container) = &app.container {
        if container.engine == Engine::Docker && container.docker.is_none() {
            problems.add("/container/docker", "not defined");
        }
        let mapped = !container.port_mappings.is_empty();
        if version.since_1_5() && mapped && app.network == Network::Host {
            problems.add("/", "portMappings are not allowed with host-networking");
        }
    }
    if version.since_1_5() && app.network != Network::Host && !app.port_definitions.is_empty() {
        problems.add("/", "portDefinitions are only allowed with host-networking");
    }
    if !app.executor.is_empty() && app.executor != "//cmd" {
        problems.add("/executor", "mesos-qos local has no custom executors: leave executor empty");
    }
    for (i, constraint) in app.constraints.iter().enumerate() {
        if let Err(what) = constraint::check(constraint) {
            problems.add(format!("/constraints({i})"), what);
        }
    }
    problems
}
