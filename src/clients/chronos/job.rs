//! A Chronos job as raw JSON: what this program does not know survives an edit.

use chrono::DateTime;
use serde_json::{Map, Value, json};

use crate::qos::arbitration::NodeChoice;
use crate::qos::ids::JobId;
use crate::qos::units::{Cpus, Timestamp};

/// One job as Chronos returned it, checked for the fields that are used.
#[derive(Debug, Clone, PartialEq)]
pub struct ChronosJob {
    raw: Map<String, Value>,
    name: String,
    cpus: Cpus,
}

impl ChronosJob {
    /// Takes the JSON of one job.
    ///
    /// # Errors
    /// When `name` or `cpus` is missing or unusable; the sentence says which.
    pub fn parse(raw: Value) -> Result<Self, String> {
        let Value::Object(raw) = raw else { return Err("a job that is not a JSON object".into()) };
        let name = raw.get("name").and_then(Value::as_str).ok_or("a job without `name`")?.to_owned();
        let cpus = raw
            .get("cpus")
            .and_then(number)
            .and_then(|cpus| Cpus::try_from_f64(cpus).ok())
            .ok_or_else(|| format!("job {name:?} has no usable `cpus`"))?;
        Ok(ChronosJob { raw, name, cpus })
    }

    /// The job's name, exactly.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// CPUs of the next launch.
    pub fn cpus(&self) -> Cpus {
        self.cpus
    }

    /// Tasks that ended with exit code 0, since the counter was last reset.
    pub fn success_count(&self) -> u64 {
        self.count("successCount")
    }

    /// Tasks that failed for good, since the counter was last reset.
    pub fn error_count(&self) -> u64 {
        self.count("errorCount")
    }

    /// When a task last succeeded.
    pub fn last_success(&self) -> Option<Timestamp> {
        self.instant("lastSuccess")
    }

    /// When a task last failed for good.
    pub fn last_error(&self) -> Option<Timestamp> {
        self.instant("lastError")
    }

    /// Whether Chronos drops every start of it.
    pub fn disabled(&self) -> bool {
        match self.raw.get("disabled") {
            Some(Value::Bool(disabled)) => *disabled,
            Some(Value::String(text)) => text.eq_ignore_ascii_case("true"),
            _ => false,
        }
    }

    /// `R[n]/[start]/period`; absent for a job that waits for others.
    pub fn schedule(&self) -> Option<&str> {
        self.text("schedule")
    }

    /// The shell command.
    pub fn command(&self) -> Option<&str> {
        self.text("command")
    }

    /// The JSON as it came.
    pub fn raw(&self) -> &Map<String, Value> {
        &self.raw
    }

    /// Whether the job was submitted under `uuid`: its text, with dashes or without, stands in the value of an
    /// environment variable or in the command.
    pub fn carries(&self, uuid: JobId) -> bool {
        let dashed = uuid.to_string();
        let plain = hex::encode(uuid.as_bytes());
        let holds = |text: &str| {
            let text = text.to_ascii_lowercase();
            text.contains(&dashed) || text.contains(&plain)
        };
        let variables = self.raw.get("environmentVariables").and_then(Value::as_array);
        let in_variables = variables.is_some_and(|variables| {
            variables.iter().filter_map(|variable| variable.get("value").and_then(Value::as_str)).any(holds)
        });
        in_variables || self.command().is_some_and(holds)
    }

    /// The JSON to post so that the next launch gets `cpus`, and nothing else changes.
    pub fn with_cpus(&self, cpus: Cpus) -> Value {
        self.with("cpus", Value::from(cpus.as_f64()))
    }

    /// The same so that the next launch is where `choice` says, or anywhere without one. None when it is so already, and when the job has
    /// constraints that somebody else made: which nodes are left by those is not known here.
    pub fn with_node(&self, choice: Option<&NodeChoice>) -> Option<Value> {
        let there = self.raw.get("constraints").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let wanted: Vec<Value> = choice.map(constraint).into_iter().collect();
        let may = there.iter().all(is_ours) && there != wanted.as_slice();
        may.then(|| self.with("constraints", wanted.into()))
    }

    /// The JSON to post with another value of this key.
    ///
    /// The counters stay, because a body without them resets them. Nulls go, because Chronos reads a null as the
    /// text "null". Of `uris` and its mirror image `fetch`, which lists carry both, only `fetch` stays, because
    /// Chronos refuses a job with both.
    fn with(&self, key: &str, value: Value) -> Value {
        let mut raw = self.raw.clone();
        raw.insert(key.into(), value);
        if mirrors(raw.get("uris"), raw.get("fetch")) {
            raw.shift_remove("uris");
        }
        let mut value = Value::Object(raw);
        drop_nulls(&mut value);
        value
    }

    fn text(&self, key: &str) -> Option<&str> {
        self.raw.get(key).and_then(Value::as_str)
    }

    fn count(&self, key: &str) -> u64 {
        self.raw.get(key).and_then(number).map_or(0, |count| count.max(0.0) as u64)
    }

    fn instant(&self, key: &str) -> Option<Timestamp> {
        let at = DateTime::parse_from_rfc3339(self.text(key)?).ok()?;
        Some(Timestamp::from_micros(at.timestamp_micros()))
    }
}

/// What a constraint of ours begins with: an expression that matches nothing and so changes nothing, by which it is known again.
const MARK: &str = "(?:mesos-qos){0}";

/// As Chronos takes it; from version 3 on the host name is an attribute of the node.
fn constraint(choice: &NodeChoice) -> Value {
    let (operator, names) = match choice {
        NodeChoice::On(node) => ("LIKE", regex_lite::escape(node)),
        NodeChoice::NotOn(nodes) => {
            let names: Vec<String> = nodes.iter().map(|node| regex_lite::escape(node)).collect();
            ("UNLIKE", format!("(?:{})", names.join("|")))
        }
    };
    json!(["hostname", operator, format!("{MARK}{names}")])
}

fn is_ours(constraint: &Value) -> bool {
    constraint.get(2).and_then(Value::as_str).is_some_and(|value| value.starts_with(MARK))
}

/// Removes every null from `value`, at any depth.
pub fn drop_nulls(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.retain(|_, member| !member.is_null());
            members.values_mut().for_each(drop_nulls);
        }
        Value::Array(items) => {
            items.retain(|item| !item.is_null());
            items.iter_mut().for_each(drop_nulls);
        }
        _ => {}
    }
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

fn mirrors(uris: Option<&Value>, fetch: Option<&Value>) -> bool {
    let (Some(uris), Some(fetch)) = (uris.and_then(Value::as_array), fetch.and_then(Value::as_array)) else {
        return false;
    };
    !uris.is_empty() && uris.len() == fetch.len() && uris.iter().zip(fetch).all(|(uri, f)| f.get("uri") == Some(uri))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn job() -> Value {
        json!({
            "zeta": {"unknown": [1, null]}, "name": "a", "command": "true", "successCount": 3, "errorCount": "2",
            "lastSuccess": "2015-12-18T10:30:09.755Z", "lastError": "", "cpus": "1.0", "disabled": false,
            "uris": ["http://x/y"], "fetch": [{"uri": "http://x/y", "extract": true}], "scheduleTimeZone": null,
            "environmentVariables": [{"name": "U", "value": "6F1FCE6A-63B6-4C4D-9C0E-0123456789ab"}],
            "schedule": "R/2099-01-01T00:00:00Z/P1Y"
        })
    }

    #[test]
    fn an_edit_changes_the_cpus_and_keeps_what_is_not_known() {
        let edited = ChronosJob::parse(job()).unwrap().with_cpus(Cpus::from_milli(1400));
        let mut wished = job();
        wished["cpus"] = json!(1.4);
        wished["zeta"]["unknown"] = json!([1]);
        let wished_map = wished.as_object_mut().unwrap();
        wished_map.shift_remove("scheduleTimeZone");
        wished_map.shift_remove("uris");
        assert_eq!(edited.to_string(), wished.to_string(), "the order of the keys counts too");
    }

    #[test]
    fn a_node_is_a_constraint_that_is_known_again_and_nobody_else_s_is_touched() {
        let on = |node: &str| NodeChoice::On(node.to_owned());
        let of = |constraints: Value| {
            let mut raw = job();
            raw["constraints"] = constraints;
            ChronosJob::parse(raw).unwrap()
        };
        let free = of(json!([]));
        assert_eq!(free.with_node(None), None);
        let steered = free.with_node(Some(&on("a.b"))).unwrap();
        assert_eq!(steered["constraints"], json!([["hostname", "LIKE", r"(?:mesos-qos){0}a\.b"]]));
        assert_eq!(steered["cpus"], job()["cpus"]);
        let steered = ChronosJob::parse(steered).unwrap();
        assert_eq!(steered.with_node(Some(&on("a.b"))), None, "it is so already");
        let others = NodeChoice::NotOn(["x", "y"].map(str::to_owned).into());
        let elsewhere = steered.with_node(Some(&others)).unwrap();
        assert_eq!(elsewhere["constraints"], json!([["hostname", "UNLIKE", "(?:mesos-qos){0}(?:x|y)"]]));
        assert_eq!(steered.with_node(None).unwrap()["constraints"], json!([]));
        let theirs = of(json!([["rack", "EQUALS", "1"]]));
        assert_eq!((theirs.with_node(Some(&on("a"))), theirs.with_node(None)), (None, None));
    }

    #[test]
    fn different_uris_and_fetch_both_stay() {
        let mut raw = job();
        raw["fetch"] = json!([]);
        assert!(ChronosJob::parse(raw).unwrap().with_cpus(Cpus::from_milli(1)).get("uris").is_some());
    }

    #[test]
    fn counters_and_instants_are_read() {
        let job = ChronosJob::parse(job()).unwrap();
        assert_eq!((job.success_count(), job.error_count()), (3, 2));
        assert_eq!(job.last_success().map(Timestamp::micros), Some(1_450_434_609_755_000));
        assert_eq!(job.last_error(), None);
        assert_eq!(job.cpus(), Cpus::from_milli(1000));
        assert!(!job.disabled());
    }

    #[test]
    fn our_uuid_is_recognised_with_dashes_or_without_and_in_any_case() {
        let uuid: JobId = "6f1fce6a-63b6-4c4d-9c0e-0123456789ab".parse().unwrap();
        assert!(ChronosJob::parse(job()).unwrap().carries(uuid));
        let in_command = json!({"name": "a", "cpus": 1, "command": "x 6f1fce6a63b64c4d9c0e0123456789ab"});
        assert!(ChronosJob::parse(in_command).unwrap().carries(uuid));
        assert!(!ChronosJob::parse(json!({"name": "a", "cpus": 1})).unwrap().carries(uuid));
    }

    #[test]
    fn a_job_without_name_or_cpus_is_named() {
        assert!(ChronosJob::parse(json!({"cpus": 1})).unwrap_err().contains("name"));
        assert!(ChronosJob::parse(json!({"name": "a", "cpus": "many"})).unwrap_err().contains("cpus"));
        assert!(ChronosJob::parse(json!([])).is_err());
    }
}
