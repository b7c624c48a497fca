//! The checks of a Chronos job: what cannot be supervised is refused by name, what can be put right is.

use serde_json::{Map, Value};

use super::chronos_fields;
use super::declaration::{self, Declaration};
use super::fields::Fields;
use super::findings::{Finding, Findings};
use super::schedule;
use crate::clients::chronos::drop_nulls;
use crate::qos::ids::Framework;
use crate::qos::units::{Cpus, Timestamp};

/// A Chronos job that can be supervised.
#[derive(Debug, Clone, PartialEq)]
pub struct ChronosJobFile {
    /// The job's name in Chronos.
    pub name: String,
    /// The user's command, its `arguments` included.
    pub command: String,
    /// CPUs of the first iteration.
    pub cpus: Cpus,
    /// How many iterations must be done.
    pub iterations: u32,
    /// When the first may begin; absent means at once.
    pub start_at: Option<Timestamp>,
    /// What the author declares about time.
    pub qos: Declaration,
    /// The job as it was written, without `qos`, in its order, with numbers and booleans in their types.
    pub job: Map<String, Value>,
    /// What the author should know.
    pub warnings: Vec<Finding>,
}

/// Checks the members of a job file as of `now`.
///
/// # Errors
/// Every wrong field.
pub fn check(mut job: Map<String, Value>, now: Timestamp) -> Result<ChronosJobFile, Vec<Finding>> {
    let mut findings = Findings::default();
    remove_nulls(&mut job, &mut findings);
    let qos = declaration::take(&mut job, Framework::Chronos, &mut findings);
    let schedule = if job.contains_key("parents") {
        refuse_parents(&mut job, now, &mut findings)
    } else {
        schedule::read(&job, now, &mut findings)
    };
    let mut fields = Fields { members: &mut job, findings: &mut findings, prefix: "" };
    let name = chronos_fields::name(&mut fields);
    let cpus = chronos_fields::cpus(&mut fields);
    chronos_fields::sizes_and_switches(&mut fields);
    chronos_fields::environment(&mut fields);
    chronos_fields::container(&mut fields);
    if qos.as_ref().is_some_and(|qos| qos.in_place) {
        chronos_fields::under_an_agent(&mut fields);
    }
    chronos_fields::drop_counters(&mut fields);
    let command = chronos_fields::command(&mut fields);
    let Findings { errors, warnings } = findings;
    match (name, command, cpus, schedule, qos) {
        (Some(name), Some(command), Some(cpus), Some(schedule), Some(qos)) if errors.is_empty() => {
            let schedule::Schedule { iterations, start_at } = schedule;
            Ok(ChronosJobFile { name, command, cpus, iterations, start_at, qos, job, warnings })
        }
        _ => Err(errors),
    }
}

/// Chronos reads a null as the text "null".
fn remove_nulls(job: &mut Map<String, Value>, findings: &mut Findings) {
    let keys: Vec<String> = job.iter().filter(|(_, value)| value.is_null()).map(|(key, _)| key.clone()).collect();
    for key in keys {
        findings.warn(key, "is null and is left out: Chronos would read it as the text \"null\"");
    }
    let mut value = Value::Object(std::mem::take(job));
    drop_nulls(&mut value);
    if let Value::Object(members) = value {
        *job = members;
    }
}

fn refuse_parents(job: &mut Map<String, Value>, now: Timestamp, findings: &mut Findings) -> Option<schedule::Schedule> {
    if job.get("parents").and_then(Value::as_array).is_some_and(Vec::is_empty) {
        job.shift_remove("parents");
        return schedule::read(job, now, findings);
    }
    findings.error(
        "parents",
        "a job that waits for others starts when they end, and its supervisor could not pace it: give it a \
         \"schedule\" such as \"R4//PT5M\" in place of parents",
    );
    None
}
