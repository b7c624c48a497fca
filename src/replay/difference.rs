//! Where two documents first differ.

use serde::Serialize;
use serde_json::Value;

use crate::events::envelope::{Seq, Version};

/// A recorded decision that does not follow from the events before it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Difference {
    /// The event.
    pub seq: Seq,
    /// The job's uuid, or `cluster`.
    pub job: String,
    /// Its place in that stream.
    pub version: Version,
    /// What was decided.
    pub kind: String,
    /// The first field that differs, `inputs.at` for instance; `(bytes)` when only the spelling of the same values does.
    pub field: String,
    /// What the log says there; absent when it says nothing.
    pub recorded: Option<Value>,
    /// What follows; absent when nothing does.
    pub recomputed: Option<Value>,
}

/// The first field in which two JSON texts differ, with both values; none when the texts are the same.
pub(super) fn first_difference(recorded: &[u8], recomputed: &[u8]) -> Option<(String, Option<Value>, Option<Value>)> {
    if recorded == recomputed {
        return None;
    }
    let parse = |text: &[u8]| serde_json::from_slice::<Value>(text).unwrap_or(Value::Null);
    let (a, b) = (parse(recorded), parse(recomputed));
    Some(in_values(String::new(), &a, &b).unwrap_or_else(|| ("(bytes)".to_owned(), Some(a), Some(b))))
}

fn in_values(path: String, a: &Value, b: &Value) -> Option<(String, Option<Value>, Option<Value>)> {
    let below = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    match (a, b) {
        (Value::Object(a), Value::Object(b)) => {
            let mut keys: Vec<&String> = a.keys().chain(b.keys().filter(|key| !a.contains_key(*key))).collect();
            keys.dedup();
            keys.into_iter().find_map(|key| match (a.get(key), b.get(key)) {
                (Some(x), Some(y)) => in_values(below(key), x, y),
                (x, y) => Some((below(key), x.cloned(), y.cloned())),
            })
        }
        (Value::Array(a), Value::Array(b)) => (0..a.len().max(b.len())).find_map(|at| match (a.get(at), b.get(at)) {
            (Some(x), Some(y)) => in_values(below(&at.to_string()), x, y),
            (x, y) => Some((below(&at.to_string()), x.cloned(), y.cloned())),
        }),
        (a, b) if a == b => None,
        (a, b) => Some((path, Some(a.clone()), Some(b.clone()))),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_first_field_that_differs_is_named_with_both_values() {
        let of = |a: &str, b: &str| first_difference(a.as_bytes(), b.as_bytes());
        assert_eq!(of(r#"{"a":1}"#, r#"{"a":1}"#), None);
        let deep = of(r#"{"a":1,"b":{"c":[1,2]}}"#, r#"{"a":1,"b":{"c":[1,3]}}"#);
        assert_eq!(deep, Some(("b.c.1".into(), Some(json!(2)), Some(json!(3)))));
        assert_eq!(of(r#"{"a":1}"#, r#"{"a":1,"b":2}"#), Some(("b".into(), None, Some(json!(2)))));
        assert_eq!(of(r#"{"a": 1}"#, r#"{"a":1}"#).map(|found| found.0), Some("(bytes)".into()));
    }
}
