//! What else an app may ask of Marathon: each thing kept, put right or refused, with the reason.

use serde_json::{Value, json};

use super::network::NetworkParts;
use crate::launcher::fields::Fields;

/// What Marathon writes into an app that it returns, and does not take.
const READ_ONLY: [&str; 11] = [
    "version",
    "versionInfo",
    "tasksStaged",
    "tasksRunning",
    "tasksHealthy",
    "tasksUnhealthy",
    "deployments",
    "tasks",
    "lastTaskFailure",
    "readinessCheckResults",
    "taskStats",
];

/// What no supervised app can have, with the reason.
const REFUSED: [(&str, &str); 9] = [
    ("gpus", "a GPU is not handed to the container, and its state cannot be checkpointed: leave it out"),
    ("residency", "ties the app to the agent of its volume, and a resize may move the job: leave it out"),
    ("secrets", "secrets are handed to Marathon's own tasks only, not to the container in one: leave them out"),
    ("readinessChecks", "each resize would be held up until they pass, and the next one be locked: leave them out"),
    ("check", "is run by the agent outside the container: leave it out"),
    ("resourceLimits", "the container's limits are the app's cpus and mem, and change with them: leave it out"),
    ("storeUrls", "Marathon 1.5 and later have no artifact store: write \"fetch\""),
    ("pods", "is not part of an app"),
    ("executor", "a custom executor would be given the command in place of a shell: leave it out"),
];

/// Whether a member says nothing: Marathon returns many that do not.
pub fn is_blank(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(value) => !value,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
    }
}

/// Takes out what an app has that was read back from Marathon.
pub fn drop_read_only(fields: &mut Fields<'_>) {
    let found: Vec<&str> = READ_ONLY.into_iter().filter(|key| fields.members.shift_remove(*key).is_some()).collect();
    if let Some(first) = found.first() {
        fields.warn(first, format!("left out, because Marathon itself says it: {}", found.join(", ")));
    }
}

/// Refuses what cannot be kept, takes out what says nothing, and puts right what can be.
pub fn refuse(fields: &mut Fields<'_>) {
    for (key, reason) in REFUSED {
        let Some(value) = fields.members.shift_remove(key) else { continue };
        let of_no_account = key == "executor" && value == "//cmd";
        if !is_blank(&value) && !of_no_account && value != "0" {
            fields.error(key, reason);
        }
    }
    if fields.boolean("tty") == Some(true) {
        fields.warn("tty", "is left out: a batch job has no terminal, and one cannot be checkpointed");
    }
    fields.members.shift_remove("tty");
    fetched(fields);
}

/// `uris` and `fetch`: older versions return both and take one; what is submitted is the newer form.
fn fetched(fields: &mut Fields<'_>) {
    let mirrors = match (fields.members.get("uris"), fields.members.get("fetch")) {
        (Some(Value::Array(uris)), Some(Value::Array(fetch))) => {
            uris.len() == fetch.len() && uris.iter().zip(fetch).all(|(uri, fetch)| fetch.get("uri") == Some(uri))
        }
        _ => false,
    };
    if mirrors {
        fields.members.shift_remove("uris");
    }
    for key in ["uris", "fetch"] {
        if fields.members.get(key).is_some_and(is_blank) {
            fields.members.shift_remove(key);
        }
    }
    let written = |key: &str| fields.members.contains_key(key);
    if written("uris") && written("fetch") {
        fields.error("uris", "Marathon refuses an app with both uris and fetch: keep one of the two");
    } else if written("uris") || written("fetch") {
        if let Some(Value::Array(uris)) = fields.members.shift_remove("uris") {
            let fetch = uris.into_iter().map(|uri| json!({ "uri": uri }));
            fields.members.insert("fetch".into(), fetch.collect());
        }
        fields.warn(
            "fetch",
            "is kept, and fetched into the task's directory on the agent, anew at each restart: the container does not \
             see it, and Docker pulls with the agent's own credentials",
        );
    }
}

/// `healthChecks`: what can still be checked from outside is kept.
pub fn check_health(fields: &mut Fields<'_>, network: &NetworkParts) {
    let Some(checks) = fields.list("healthChecks", "write a list of checks, or leave it out") else { return };
    if checks.is_empty() {
        return;
    }
    let protocols: Vec<String> =
        checks.iter().map(|check| check.get("protocol").and_then(Value::as_str).unwrap_or("HTTP").to_owned()).collect();
    for (index, protocol) in protocols.iter().enumerate() {
        numbers_of_check(fields, index);
        if !matches!(protocol.as_str(), "HTTP" | "HTTPS" | "TCP") {
            let reason = "is run by the agent, outside the container: use HTTP, HTTPS or TCP, or leave it out";
            fields.error(&format!("healthChecks[{index}].protocol"), format!("{protocol} {reason}"));
        }
    }
    if !matches!(network.name.as_str(), "host" | "bridge") {
        fields.error("healthChecks", "Marathon does not know the container's address any more: leave them out");
    }
    fields.warn(
        "healthChecks",
        "are kept: a job that fails them while it is being checkpointed is killed, so maxConsecutiveFailures and \
         gracePeriodSeconds must outlast a checkpoint and a restore",
    );
}

fn numbers_of_check(fields: &mut Fields<'_>, index: usize) {
    let prefix = format!("healthChecks[{index}].");
    let Some(check) = fields.members["healthChecks"][index].as_object_mut() else {
        fields.error("healthChecks", "should hold objects");
        return;
    };
    let mut check = Fields { members: check, findings: &mut *fields.findings, prefix: &prefix };
    for key in ["gracePeriodSeconds", "intervalSeconds", "timeoutSeconds"] {
        check.number(key, "write seconds");
    }
    for key in ["maxConsecutiveFailures", "portIndex", "port"] {
        check.whole(key, 0..=65_535, "write a whole number");
    }
}
