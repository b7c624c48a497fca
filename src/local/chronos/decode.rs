//! Reads a posted job: leniently, with the defaults of its version.

use serde_json::Value;

use super::constraint::Constraint;
use super::container::{Container, flag};
use super::jackson::{double, elements, long, text};
use super::job::{DEFAULT_CPUS, DEFAULT_DISK, DEFAULT_EPSILON, DEFAULT_MEM, DEFAULT_USER, Fetch, Job, Trigger};
use super::schedule::utc_text;
use super::version::ChronosVersion;
use crate::qos::units::Timestamp;

/// A body that the original fails on while it reads it (500): what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct DecodeError(pub String);

/// Reads a job. Unknown keys are ignored, every scalar is taken for every other, `null` included.
///
/// # Errors
/// For a missing name (and a missing command in 2.x), a broken container or constraint, an unreadable `epsilon`.
pub fn decode(node: &Value, version: ChronosVersion, now: Timestamp) -> Result<Job, DecodeError> {
    let required = |key: &str| node.get(key).map(text).ok_or_else(|| DecodeError(format!("{key} is missing")));
    let string = |key: &str| node.get(key).map(text).unwrap_or_default();
    let count = |key: &str| node.get(key).map_or(0, long);
    // Zero means "not given".
    let amount = |key: &str, default: f64| node.get(key).map(double).filter(|n| *n != 0.0).unwrap_or(default);
    let strings = |key: &str| elements(node.get(key)).iter().map(text).collect::<Vec<_>>();
    let v3 = version.is_v3();
    Ok(Job {
        name: required("name")?,
        command: if v3 { string("command") } else { required("command")? },
        shell: flag(node, "shell", true),
        epsilon: epsilon(node)?,
        executor: string("executor"),
        executor_flags: string("executorFlags"),
        task_info_data: if v3 { string("taskInfoData") } else { String::new() },
        retries: node.get("retries").map_or(2, long),
        owner: string("owner"),
        owner_name: string("ownerName"),
        description: string("description"),
        asynchronous: !v3 && flag(node, "async", false),
        success_count: count("successCount"),
        error_count: count("errorCount"),
        last_success: string("lastSuccess"),
        last_error: string("lastError"),
        cpus: amount("cpus", DEFAULT_CPUS),
        disk: amount("disk", DEFAULT_DISK),
        mem: amount("mem", DEFAULT_MEM),
        disabled: flag(node, "disabled", false),
        soft_error: flag(node, "softError", false),
        data_processing: flag(node, "dataProcessingJobType", false),
        errors_since_last_success: count("errorsSinceLastSuccess"),
        fetch: if v3 { elements(node.get("fetch")).iter().map(fetch).collect() } else { Vec::new() },
        uris: strings("uris"),
        environment: environment(node)?,
        arguments: strings("arguments"),
        high_priority: flag(node, "highPriority", false),
        run_as_user: node.get("runAsUser").map_or(DEFAULT_USER.into(), text),
        concurrent: v3 && flag(node, "concurrent", false),
        container: match node.get("container") {
            Some(container) => Container::decode(container, version).map_err(DecodeError)?,
            None => None,
        },
        constraints: constraints(node, version)?,
        trigger: trigger(node, v3, now),
    })
}

fn epsilon(node: &Value) -> Result<String, DecodeError> {
    let Some(given) = node.get("epsilon").map(text) else { return Ok(DEFAULT_EPSILON.into()) };
    given.parse::<jiff::Span>().map_err(|_| DecodeError(format!("epsilon {given:?} is not an ISO 8601 period")))?;
    Ok(given)
}

fn fetch(node: &Value) -> Fetch {
    let string = |key: &str| node.get(key).map(text).unwrap_or_default();
    Fetch {
        uri: string("uri"),
        output_file: string("output_file"),
        executable: flag(node, "executable", false),
        cache: flag(node, "cache", false),
        extract: flag(node, "extract", true),
    }
}

fn environment(node: &Value) -> Result<Vec<(String, String)>, DecodeError> {
    let variable = |variable: &Value| {
        let field = |key: &str| variable.get(key).map(text);
        let both = field("name").zip(field("value"));
        both.ok_or_else(|| DecodeError("an environment variable needs a name and a value".into()))
    };
    elements(node.get("environmentVariables")).iter().map(variable).collect()
}

fn constraints(node: &Value, version: ChronosVersion) -> Result<Vec<Constraint>, DecodeError> {
    let decoded = elements(node.get("constraints")).iter().map(|c| Constraint::decode(c, version));
    decoded.filter_map(Result::transpose).collect::<Result<_, _>>().map_err(DecodeError)
}

/// Parents win over a schedule; a job with neither runs once, now.
fn trigger(node: &Value, v3: bool, now: Timestamp) -> Trigger {
    if let Some(parents) = node.get("parents") {
        let mut names: Vec<String> = Vec::new();
        for parent in elements(Some(parents)).iter().map(text) {
            if !names.contains(&parent) {
                names.push(parent);
            }
        }
        return Trigger::Parents(names);
    }
    match node.get("schedule") {
        Some(schedule) => {
            Trigger::Schedule { text: text(schedule), zone: node.get("scheduleTimeZone").map(text).unwrap_or_default() }
        }
        None if v3 => Trigger::Schedule { text: format!("R1/{}/PT24H", utc_text(now)), zone: String::new() },
        None => Trigger::Schedule { text: "R1//PT24H".into(), zone: String::new() },
    }
}
