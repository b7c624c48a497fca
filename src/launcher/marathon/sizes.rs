//! The numbers of an app.

use serde_json::{Map, Value};

use crate::launcher::fields::Fields;
use crate::qos::units::Cpus;

/// What Marathon gives an app that does not say.
const DEFAULT_CPUS: f64 = 1.0;
const DEFAULT_MEMORY_MIB: f64 = 128.0;

/// Docker's own lower limit.
const LEAST_MEMORY_MIB: f64 = 6.0;

/// An app that has ended is started again this much later, unless it is deleted first. As published.
pub const BACKOFF_SECONDS: f64 = 300.0;

/// The numbers that matter here.
#[derive(Debug, Clone, PartialEq)]
pub struct Sizes {
    /// CPUs of the first task.
    pub cpus: Option<Cpus>,
    /// Memory of the container in MiB.
    pub memory_mib: f64,
    /// Whole seconds between TERM and KILL that the author asks for.
    pub kill_grace_seconds: Option<u32>,
}

/// Reads them, and puts in order those that Marathon alone uses.
pub fn read(fields: &mut Fields<'_>) -> Sizes {
    let cpus = cpus(fields);
    let memory_mib = memory(fields);
    if fields.number("disk", "write MiB, for instance 100").is_some_and(|size| size < 0.0) {
        fields.error("disk", "should not be negative: write MiB, for instance 100");
    }
    instances(fields);
    backoff(fields);
    upgrade_strategy(fields);
    let kill_grace_seconds =
        fields.whole("taskKillGracePeriodSeconds", 1..=3600, "write whole seconds, or leave it out");
    Sizes { cpus, memory_mib, kill_grace_seconds }
}

fn cpus(fields: &mut Fields<'_>) -> Option<Cpus> {
    const FIX: &str = "write how many CPUs the first task gets, for instance 1";
    let number = if fields.members.contains_key("cpus") { fields.number("cpus", FIX)? } else { DEFAULT_CPUS };
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

fn memory(fields: &mut Fields<'_>) -> f64 {
    const FIX: &str = "write MiB, for instance 512";
    if !fields.members.contains_key("mem") {
        fields.members.insert("mem".into(), DEFAULT_MEMORY_MIB.into());
        return DEFAULT_MEMORY_MIB;
    }
    let memory = fields.number("mem", FIX);
    if memory.is_some_and(|memory| memory < LEAST_MEMORY_MIB) {
        fields.error("mem", format!("should be at least {LEAST_MEMORY_MIB}, because it limits the container: {FIX}"));
    }
    memory.unwrap_or(DEFAULT_MEMORY_MIB)
}

fn instances(fields: &mut Fields<'_>) {
    let written = fields.number("instances", "write 1 or leave it out");
    if let Some(number) = written.filter(|number| *number != 1.0) {
        fields.warn("instances", format!("becomes 1, found {number}: the job is one program with one deadline"));
    }
}

/// The window in which a program that has ended is deleted before Marathon starts it again.
fn backoff(fields: &mut Fields<'_>) {
    const FIX: &str = "write seconds, or leave it out";
    let written = fields.number("backoffSeconds", FIX);
    if let Some(number) = written.filter(|number| *number < BACKOFF_SECONDS) {
        let reason = "an app that has ended must be deleted before Marathon starts it again";
        fields.warn("backoffSeconds", format!("becomes {BACKOFF_SECONDS}, found {number}: {reason}"));
    }
    let backoff = written.unwrap_or(0.0).max(BACKOFF_SECONDS);
    fields.members.insert("backoffSeconds".into(), whole_if_it_is(backoff));
    fields.number("backoffFactor", "write a factor from 1, or leave it out");
    // Later versions cap the first delay at the longest, and their own default for that is no longer.
    let longest = fields.number("maxLaunchDelaySeconds", FIX);
    if let Some(longest) = longest.filter(|longest| *longest < backoff) {
        fields.warn("maxLaunchDelaySeconds", format!("becomes {backoff}, found {longest}: as long as backoffSeconds"));
    }
    if longest.map_or(backoff > BACKOFF_SECONDS, |longest| longest < backoff) {
        fields.members.insert("maxLaunchDelaySeconds".into(), whole_if_it_is(backoff));
    }
}

fn upgrade_strategy(fields: &mut Fields<'_>) {
    let Some(strategy) = fields.members.get("upgradeStrategy").and_then(Value::as_object) else { return };
    let is_zero = |key: &str| number(strategy, key) == Some(0.0);
    if !is_zero("minimumHealthCapacity") || !is_zero("maximumOverCapacity") {
        fields.warn(
            "upgradeStrategy",
            "becomes 0 and 0: at a resize the old task must have written its checkpoint before the new one starts",
        );
    }
}

fn number(members: &Map<String, Value>, key: &str) -> Option<f64> {
    members.get(key).and_then(Value::as_f64)
}

/// Marathon's older versions read whole seconds only.
fn whole_if_it_is(number: f64) -> Value {
    if number.fract() == 0.0 && number.abs() < 1e15 { Value::from(number as i64) } else { Value::from(number) }
}
