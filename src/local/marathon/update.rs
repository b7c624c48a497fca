//! A posted app, whole or in part: read, and put upon what was there.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::app::{App, KillSelection, UpgradeStrategy};
use super::container::{Network, PortDefinition};
use super::decode_container::{self, Posted};
use super::fields::{Fields, Problems, boolean, list, number, object, string, strings, whole};
use super::version::MarathonVersion;

/// The largest number of a 32-bit integer.
const INT: u32 = i32::MAX.unsigned_abs();

/// What a body says about an app: a field that is absent or null is not said.
#[derive(Debug, Clone, Default, PartialEq)]
#[expect(missing_docs, reason = "the names are those of the JSON keys")]
pub struct Update {
    pub id: Option<String>,
    /// The version to go back to, as text.
    pub version: Option<String>,
    /// Whether there are fields beside `id` and `version`.
    pub says_more: bool,
    pub cmd: Option<String>,
    pub args: Option<Vec<String>>,
    pub user: Option<String>,
    pub env: Option<BTreeMap<String, String>>,
    pub instances: Option<u32>,
    pub cpus: Option<f64>,
    pub mem: Option<f64>,
    pub disk: Option<f64>,
    pub gpus: Option<u32>,
    pub executor: Option<String>,
    pub constraints: Option<Vec<Vec<String>>>,
    pub uris: Option<Vec<String>>,
    pub fetch: Option<Vec<Value>>,
    pub store_urls: Option<Vec<String>>,
    pub ports: Option<Vec<PortDefinition>>,
    pub port_definitions: Option<Vec<PortDefinition>>,
    pub require_ports: Option<bool>,
    pub backoff_seconds: Option<u32>,
    pub backoff_factor: Option<f64>,
    pub max_launch_delay_seconds: Option<u32>,
    pub container: Option<Posted>,
    pub networks: Option<Vec<Network>>,
    pub ip_address: Option<Value>,
    pub health_checks: Option<Vec<Value>>,
    pub readiness_checks: Option<Vec<Value>>,
    pub residency: bool,
    pub secrets: bool,
    pub dependencies: Option<Vec<String>>,
    pub upgrade_strategy: Option<UpgradeStrategy>,
    pub labels: Option<BTreeMap<String, String>>,
    pub accepted_resource_roles: Option<Vec<String>>,
    pub kill_grace_seconds: Option<u32>,
    pub kill_selection: Option<KillSelection>,
    pub unreachable_strategy: Option<Value>,
    pub tty: Option<bool>,
}

impl Update {
    /// Reads a body. Unknown keys, and those that the version does not know, are ignored.
    ///
    /// # Errors
    /// All that has the wrong type or shape.
    pub fn decode(body: &Value, version: MarathonVersion) -> Result<Update, Problems> {
        let mut problems = Problems::default();
        let update = Self::read(body, "", version, &mut problems);
        update.filter(|_| problems.is_empty()).ok_or(problems)
    }

    /// Reads a list of bodies.
    ///
    /// # Errors
    /// As [`Update::decode`].
    pub fn decode_list(body: &Value, version: MarathonVersion) -> Result<Vec<Update>, Problems> {
        let mut problems = Problems::default();
        let read = |value: &Value, path: &str, problems: &mut Problems| Self::read(value, path, version, problems);
        let updates = list(read)(body, "", &mut problems);
        updates.filter(|_| problems.is_empty()).ok_or(problems)
    }

    fn read(body: &Value, path: &str, version: MarathonVersion, problems: &mut Problems) -> Option<Update> {
        let least_cpus = if version.since_1_5() { 0.001 } else { 0.0 };
        let raw = |value: &Value, _: &str, _: &mut Problems| Some(value.clone());
        let mut fields = Fields::of(body, path, problems)?;
        let update = Update {
            says_more: body.as_object().is_some_and(|object| {
                object.iter().any(|(key, value)| !value.is_null() && KEYS.contains(&key.as_str()))
            }),
            id: fields.read("id", string),
            version: fields.read("version", string),
            cmd: fields.read("cmd", string),
            args: fields.read("args", list(string)),
            user: fields.read("user", string),
            env: fields.read("env", strings),
            instances: fields.read("instances", whole(INT)),
            cpus: fields.read("cpus", number(least_cpus)),
            mem: fields.read("mem", number(0.0)),
            disk: fields.read("disk", number(0.0)),
            gpus: fields.read("gpus", whole(INT)).filter(|_| version.since_1_4()),
            executor: fields.read("executor", string),
            constraints: fields.read("constraints", list(list(string))),
            uris: fields.read("uris", list(string)),
            fetch: fields.read("fetch", list(artifact)),
            store_urls: fields.read("storeUrls", list(string)).filter(|_| !version.since_1_5()),
            ports: fields.read("ports", list(decode_container::plain_port)),
            port_definitions: fields.read("portDefinitions", list(decode_container::port_definition)),
            require_ports: fields.read("requirePorts", boolean),
            backoff_seconds: fields.read("backoffSeconds", whole(INT)),
            backoff_factor: fields.read("backoffFactor", number(1.0)),
            max_launch_delay_seconds: fields.read("maxLaunchDelaySeconds", whole(INT)),
            // An empty one says nothing up to 1.4.
            container: fields.read("container", decode_container::container(version)).filter(|_| {
                version.since_1_5() || body["container"].as_object().is_some_and(|object| !object.is_empty())
            }),
            networks: fields.read("networks", list(decode_container::network)).filter(|_| version.since_1_5()),
            ip_address: fields.read("ipAddress", object).map(Value::Object),
            health_checks: fields.read("healthChecks", list(raw)),
            readiness_checks: fields.read("readinessChecks", list(raw)),
            residency: fields.read("residency", raw).is_some(),
            secrets: fields.read("secrets", object).is_some_and(|secrets| !secrets.is_empty() && version.since_1_4()),
            dependencies: fields.read("dependencies", list(string)),
            upgrade_strategy: fields.read("upgradeStrategy", upgrade_strategy),
            labels: fields.read("labels", strings),
            accepted_resource_roles: fields.read("acceptedResourceRoles", list(string)),
            kill_grace_seconds: fields.read("taskKillGracePeriodSeconds", whole(INT)).filter(|_| version.since_1_4()),
            kill_selection: fields.read("killSelection", kill_selection).filter(|_| version.since_1_4()),
            unreachable_strategy: fields.read("unreachableStrategy", unreachable).filter(|_| version.since_1_4()),
            tty: fields.read("tty", boolean).filter(|_| version.since_1_5()),
        };
        if !version.since_1_5() {
            // Present is enough, be the lists empty.
            if fields.has("uris") && fields.has("fetch") {
                fields.wrong("You cannot specify both uris and fetch fields");
            }
            if different_ports(&update) {
                fields.wrong("You cannot specify both ports and port definitions");
            }
        }
        Some(update)
    }

    /// The app that `base` becomes. What must not be is found by `rules`.
    pub fn apply(&self, base: App, version: MarathonVersion) -> App {
        let mut app = base;
        let was_upon_host = app.network == Network::Host;
        fn put<T: Clone>(place: &mut T, said: &Option<T>) {
            if let Some(said) = said {
                *place = said.clone();
            }
        }
        app.cmd = self.cmd.clone().or(app.cmd);
        put(&mut app.args, &self.args);
        app.user = self.user.clone().or(app.user);
        put(&mut app.env, &self.env);
        put(&mut app.instances, &self.instances);
        put(&mut app.cpus, &self.cpus);
        put(&mut app.mem, &self.mem);
        put(&mut app.disk, &self.disk);
        put(&mut app.executor, &self.executor);
        put(&mut app.constraints, &self.constraints);
        let uris = self.uris.as_ref().map(|uris| uris.iter().map(|uri| super::networks::artifact_of(uri)).collect());
        put(&mut app.fetch, &self.fetch.clone().filter(|fetch| !fetch.is_empty()).or(uris).or(self.fetch.clone()));
        put(&mut app.store_urls, &self.store_urls);
        put(&mut app.port_definitions, &self.port_definitions.clone().or(self.ports.clone()));
        put(&mut app.require_ports, &self.require_ports);
        put(&mut app.backoff_seconds, &self.backoff_seconds);
        put(&mut app.backoff_factor, &self.backoff_factor);
        put(&mut app.max_launch_delay_seconds, &self.max_launch_delay_seconds);
        put(&mut app.upgrade_strategy, &self.upgrade_strategy);
        put(&mut app.labels, &self.labels);
        put(&mut app.accepted_resource_roles, &self.accepted_resource_roles);
        app.kill_grace_seconds = self.kill_grace_seconds.or(app.kill_grace_seconds);
        put(&mut app.kill_selection, &self.kill_selection);
        put(&mut app.unreachable_strategy, &self.unreachable_strategy);
        app.tty = self.tty.or(app.tty);
        if let Some(dependencies) = &self.dependencies {
            app.dependencies = dependencies.iter().map(|id| super::id::absolute(id)).collect();
        }
        super::networks::connect(&mut app, self, version, was_upon_host);
        app
    }
}

/// Whether both lists of ports are there and say different things.
pub(super) fn different_ports(update: &Update) -> bool {
    let Some((ports, definitions)) = update.ports.as_ref().zip(update.port_definitions.as_ref()) else { return false };
    ports.iter().map(|p| p.port).ne(definitions.iter().map(|p| p.port))
}

/// The keys of an app's definition; what else is in a body, such as counts of tasks, is ignored.
const KEYS: [&str; 36] = [
    "acceptedResourceRoles",
    "args",
    "backoffFactor",
    "backoffSeconds",
    "cmd",
    "constraints",
    "container",
    "cpus",
    "dependencies",
    "disk",
    "env",
    "executor",
    "fetch",
    "gpus",
    "healthChecks",
    "instances",
    "ipAddress",
    "killSelection",
    "labels",
    "maxLaunchDelaySeconds",
    "mem",
    "networks",
    "portDefinitions",
    "ports",
    "readinessChecks",
    "requirePorts",
    "residency",
    "secrets",
    "storeUrls",
    "taskKillGracePeriodSeconds",
    "tty",
    "unreachableStrategy",
    "upgradeStrategy",
    "uris",
    "user",
    "role",
];

fn artifact(value: &Value, path: &str, problems: &mut Problems) -> Option<Value> {
    let mut fields = Fields::of(value, path, problems)?;
    fields.required("uri", string)?;
    Some(value.clone())
}

fn kill_selection(value: &Value, path: &str, problems: &mut Problems) -> Option<KillSelection> {
    const WORDS: &[(&str, KillSelection)] =
        &[("YOUNGEST_FIRST", KillSelection::YoungestFirst), ("OLDEST_FIRST", KillSelection::OldestFirst)];
    super::fields::one_of(WORDS)(value, path, problems)
}

/// `disabled`, or two times in seconds; kept and shown, for no node is ever unreachable.
fn unreachable(value: &Value, path: &str, problems: &mut Problems) -> Option<Value> {
    if value == "disabled" {
        return Some(value.clone());
    }
    let mut fields = Fields::of(value, path, problems)?;
    let mut seconds = |key: &str| fields.read(key, whole(INT)).unwrap_or(0);
    let (inactive, expunge) = (seconds("inactiveAfterSeconds"), seconds("expungeAfterSeconds"));
    Some(json!({"inactiveAfterSeconds": inactive, "expungeAfterSeconds": expunge}))
}

fn upgrade_strategy(value: &Value, path: &str, problems: &mut Problems) -> Option<UpgradeStrategy> {
    let mut fields = Fields::of(value, path, problems)?;
    let mut share = |key: &str| fields.read(key, number(0.0)).unwrap_or(1.0);
    let strategy = UpgradeStrategy {
        minimum_health_capacity: share("minimumHealthCapacity"),
        maximum_over_capacity: share("maximumOverCapacity"),
    };
    for (name, share) in [
        ("minimumHealthCapacity", strategy.minimum_health_capacity),
        ("maximumOverCapacity", strategy.maximum_over_capacity),
    ] {
        if share > 1.0 {
            problems.add(format!("{path}/{name}"), "error.max");
        }
    }
    Some(strategy)
}
