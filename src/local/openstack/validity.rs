//! Which names, dimensions and values monasca-api takes.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// In names.
const NOT_IN_NAMES: &str = "<>={},\"\\;&() ";

/// In keys and values of dimensions.
const NOT_IN_DIMENSIONS: &str = "<>={},\"\\;&";

const LONGEST: usize = 255;

const MOST_META: usize = 16;
const LONGEST_META: usize = 2048;

pub(super) fn name(name: &str) -> Result<(), String> {
    fits("metric name", name, NOT_IN_NAMES)
}

fn fits(what: &str, text: &str, forbidden: &str) -> Result<(), String> {
    if !(1..=LONGEST).contains(&text.chars().count()) {
        return Err(format!("{what} must be between 1 and {LONGEST} characters"));
    }
    match text.chars().find(|c| forbidden.contains(*c)) {
        Some(_) => Err(format!("invalid characters in {what} {text}")),
        None => Ok(()),
    }
}

pub(super) fn dimension_key(key: &str) -> Result<(), String> {
    if key.starts_with('_') {
        return Err(format!("dimension key {key} must not begin with an underscore"));
    }
    fits("dimension key", key, NOT_IN_DIMENSIONS)
}

pub(super) fn dimension_value(value: &str) -> Result<(), String> {
    fits("dimension value", value, NOT_IN_DIMENSIONS)
}

/// Absent is none; anything but an object of texts is wrong.
pub(super) fn dimensions(given: Option<&Value>) -> Result<BTreeMap<String, String>, String> {
    let Some(given) = given else { return Ok(BTreeMap::new()) };
    let Value::Object(members) = given else { return Err("dimensions must be an object".into()) };
    members
        .iter()
        .map(|(key, value)| {
            dimension_key(key)?;
            let value = value.as_str().ok_or_else(|| format!("dimension value of {key} must be a string"))?;
            dimension_value(value)?;
            Ok((key.clone(), value.to_owned()))
        })
        .collect()
}

/// Any finite number, and `true`.
pub(super) fn value(given: Option<&Value>) -> Result<f64, String> {
    match given {
        Some(Value::Bool(value)) => Ok(f64::from(u8::from(*value))),
        Some(Value::Number(number)) => {
            number.as_f64().filter(|value| value.is_finite()).ok_or_else(|| "value must be finite".into())
        }
        Some(_) => Err("value must be a number".into()),
        None => Err("value is missing".into()),
    }
}

/// Milliseconds; a fraction is cut off. There is no window.
pub(super) fn timestamp(given: Option<&Value>) -> Result<i64, String> {
    match given {
        Some(Value::Number(number)) => number
            .as_f64()
            .filter(|ms| ms.is_finite())
            .map(|ms| ms as i64)
            .ok_or_else(|| "timestamp must be finite".into()),
        Some(_) => Err("timestamp must be a number".into()),
        None => Err("timestamp is missing".into()),
    }
}

pub(super) fn value_meta(given: Option<&Value>) -> Result<(), String> {
    let empty = Map::new();
    let members = match given {
        None | Some(Value::Null) => &empty,
        Some(Value::Object(members)) => members,
        Some(_) => return Err("value_meta must be an object".into()),
    };
    if members.len() > MOST_META {
        return Err(format!("value_meta must have at most {MOST_META} members"));
    }
    if members.keys().any(|key| !(1..=LONGEST).contains(&key.chars().count())) {
        return Err(format!("a key of value_meta must be between 1 and {LONGEST} characters"));
    }
    if Value::Object(members.clone()).to_string().len() > LONGEST_META {
        return Err(format!("value_meta must be at most {LONGEST_META} characters"));
    }
    Ok(())
}
