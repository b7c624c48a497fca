//! The single fields of a Chronos job.

use serde_json::{Map, Value};

use super::fields::Fields;
use super::under_agent;
use super::wrapper::variable;
use crate::qos::units::Cpus;

/// What Chronos 2.4 or Chronos 3 accepts, taken together, except the names that no URL can say.
pub fn name(fields: &mut Fields<'_>) -> Option<String> {
    const FIX: &str = "use letters, digits, _ and - only";
    if !fields.members.contains_key("name") {
        fields.missing("name", FIX);
        return None;
    }
    let name = fields.text("name", FIX)?;
    let word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    let in_2_5 = |c: char| word(c) || matches!(c, '#' | '.') || c.is_ascii_whitespace();
    if name.is_empty() || matches!(name.as_str(), "." | "..") || !name.chars().all(in_2_5) {
        fields.error("name", format!("no version of Chronos accepts {name:?}: {FIX}"));
        return None;
    }
    if name.chars().any(|c| c.is_ascii_control()) {
        fields.error("name", format!("{name:?} holds a line break or tab: {FIX}"));
        return None;
    }
    if !name.chars().all(word) {
        let who = match name.contains([' ', '#']) {
            true => "Chronos 3 refuses names with a space or #",
            false => "Chronos 2.4 refuses names with a dot",
        };
        fields.warn("name", format!("{who}: to be portable, {FIX}"));
    }
    Some(name)
}

/// The CPUs of the first iteration.
pub fn cpus(fields: &mut Fields<'_>) -> Option<Cpus> {
    const FIX: &str = "write how many CPUs the first iteration gets, for instance 1";
    if !fields.members.contains_key("cpus") {
        fields.missing("cpus", FIX);
        return None;
    }
    let number = fields.number("cpus", FIX)?;
    match Cpus::try_from_f64(number) {
        Ok(cpus) if cpus > Cpus::from_milli(0) => {
            fields.members.insert("cpus".into(), Value::from(cpus.as_f64()));
            Some(cpus)
        }
        _ => {
            fields.error("cpus", format!("should be from 0.001 to {}, found {number}: {FIX}", Cpus::MAX));
            None
        }
    }
}

/// Numbers, booleans and texts that have one right value, or any.
pub fn sizes_and_switches(fields: &mut Fields<'_>) {
    for key in ["mem", "disk"] {
        if fields.number(key, "write MiB, for instance 512").is_some_and(|size| size < 0.0) {
            fields.error(key, "should not be negative: write MiB, for instance 512");
        }
    }
    let retries = fields.number("retries", "leave it out");
    if retries.is_some_and(|retries| retries != 0.0) {
        fields.warn("retries", "becomes 0: the supervisor repeats a failed iteration itself (qos.max_failures)");
    }
    for key in ["softError", "highPriority", "dataProcessingJobType"] {
        fields.boolean(key);
    }
    if fields.boolean("disabled") == Some(true) {
        fields.warn("disabled", "becomes false: Chronos drops every start of a disabled job");
    }
    if fields.boolean("async") == Some(true) {
        fields.error(
            "async",
            "an async job ends when somebody says so, not when its command ends, and its iterations could not be \
             timed: leave it out or write false",
        );
    }
    if fields.boolean("concurrent") == Some(true) {
        fields.error("concurrent", "iterations are run one after the other: leave it out or write false");
    }
    if fields.boolean("shell") == Some(false) {
        fields.error(
            "shell",
            "the command reports its start and end by means of a shell: leave it out, and write arguments into \
             \"command\" as a shell would take them",
        );
    }
    for key in ["owner", "ownerName", "description", "runAsUser", "epsilon"] {
        fields.text(key, "write it in quotes");
    }
    let executor = fields.text("executor", "leave it out");
    if executor.is_some_and(|executor| !executor.is_empty()) {
        fields.error("executor", "a custom executor would be given the command in place of a shell: leave it out");
    }
}

/// The user's command, with `arguments` put where Chronos would put them.
pub fn command(fields: &mut Fields<'_>) -> Option<String> {
    const FIX: &str = "write the shell command of one iteration";
    let arguments = arguments(fields);
    if !fields.members.contains_key("command") {
        fields.missing("command", FIX);
        return None;
    }
    let mut command = fields.text("command", FIX)?;
    if command.trim().is_empty() {
        fields.error("command", format!("is empty: {FIX}"));
        return None;
    }
    if command.contains('\0') {
        fields.error("command", "holds a NUL character, which no shell can be given");
        return None;
    }
    // The very test that Chronos makes: it knows no trimming and no "://".
    if command.starts_with("http") || command.starts_with("ftp") {
        fields.error(
            "command",
            "begins with http or ftp: Chronos would take it for the address of a script to fetch. Name the address \
             in \"uris\" and run the file, or begin the command with `exec `",
        );
        return None;
    }
    if !arguments.is_empty() {
        fields.warn("arguments", "are written into the command, where Chronos would append them");
        command = format!("{command} {}", arguments.join(" "));
    }
    fields.members.shift_remove("arguments");
    Some(command)
}

fn arguments(fields: &mut Fields<'_>) -> Vec<String> {
    const FIX: &str = "write texts in quotes, or write them into \"command\"";
    let Some(items) = fields.list("arguments", FIX) else { return Vec::new() };
    let arguments: Option<Vec<String>> = items.iter().map(|item| item.as_str().map(str::to_owned)).collect();
    if arguments.is_none() {
        fields.error("arguments", format!("should hold texts only: {FIX}"));
    }
    arguments.unwrap_or_default()
}

/// `environmentVariables`: names and values, none of them ours.
pub fn environment(fields: &mut Fields<'_>) {
    const FIX: &str = "write {\"name\": \"..\", \"value\": \"..\"}";
    let Some(items) = fields.list("environmentVariables", FIX) else { return };
    let mut problems = Vec::new();
    for (index, item) in items.iter_mut().enumerate() {
        let Some(variable) = item.as_object_mut() else {
            problems.push(format!("entry {} should be an object: {FIX}", index + 1));
            continue;
        };
        if let Some(value @ (Value::Number(_) | Value::Bool(_))) = variable.get_mut("value") {
            *value = Value::String(value.to_string());
        }
        match (text(variable, "name"), text(variable, "value")) {
            (Some(""), Some(_)) => problems.push(format!("entry {}: the name is empty", index + 1)),
            (Some(name), Some(_)) if [variable::UUID, variable::URL, variable::TOKEN].contains(&name) => {
                problems.push(format!("{name} is set by the launcher: leave it out"));
            }
            (Some(_), Some(_)) => {}
            _ => problems.push(format!("entry {} should have a name and a value, both in quotes: {FIX}", index + 1)),
        }
    }
    for problem in problems {
        fields.error("environmentVariables", problem);
    }
}

fn text<'a>(members: &'a Map<String, Value>, key: &str) -> Option<&'a str> {
    members.get(key).and_then(Value::as_str)
}

/// `container`, `uris` and `fetch`: what Chronos would answer with an unhelpful error, or would silently ignore.
pub fn container(fields: &mut Fields<'_>) {
    match fields.members.get("container") {
        None => {}
        Some(Value::Object(container)) => {
            let image = text(container, "image").is_some_and(|image| !image.trim().is_empty());
            let network = container.get("network").cloned();
            if !image {
                fields.error("container.image", "missing: name the image, for instance \"debian:12\"");
            }
            if let Some(network) = network {
                match network.as_str() {
                    Some("HOST" | "BRIDGE" | "USER") => {}
                    _ => {
                        fields.error("container.network", format!("should be \"HOST\" or \"BRIDGE\", found {network}"))
                    }
                }
            }
        }
        Some(_) => fields.error("container", "should be an object with type, image, network and volumes"),
    }
    let filled = |key: &str| fields.members.get(key).and_then(Value::as_array).is_some_and(|list| !list.is_empty());
    if filled("uris") && filled("fetch") {
        fields.error("uris", "Chronos 3 refuses a job with both uris and fetch: keep one of the two");
    }
}

/// What cannot run under `shell_trap`.
pub fn under_an_agent(fields: &mut Fields<'_>) {
    if fields.members.contains_key("container") {
        fields.error(
            "container",
            "Mesos makes this container, and shell_trap cannot change its limit from inside: leave out \"in_place\" of qos, or the container",
        );
    }
    let set_by_us = |item: &Value| {
        let name = item.get("name").and_then(Value::as_str).unwrap_or_default();
        under_agent::VARIABLES.contains(&name).then(|| name.to_owned())
    };
    let variables = fields.members.get("environmentVariables").and_then(Value::as_array);
    let taken: Vec<String> = variables.into_iter().flatten().filter_map(set_by_us).collect();
    for name in taken {
        fields.error("environmentVariables", format!("{name} is set by the launcher: leave it out"));
    }
}

/// Counters of a job read back from Chronos: a new job starts with none.
pub fn drop_counters(fields: &mut Fields<'_>) {
    for key in ["successCount", "errorCount", "lastSuccess", "lastError", "errorsSinceLastSuccess"] {
        if fields.members.shift_remove(key).is_some() {
            fields.warn(key, "is left out: the job starts without history");
        }
    }
}
