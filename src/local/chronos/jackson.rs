//! The coercions of the JSON library that Chronos reads jobs with: every scalar is accepted as every other.

use serde_json::Value;

/// As text. Null is the word `null`: clients are known to send it, and it comes back in quotes.
pub fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Bool(truth) => truth.to_string(),
        Value::Null => "null".into(),
        Value::Array(_) | Value::Object(_) => String::new(),
    }
}

/// As a number; what cannot be read is 0.
pub fn double(value: &Value) -> f64 {
    let number = match value {
        Value::Number(number) => number.as_f64().unwrap_or(0.0),
        Value::String(text) => text.trim().parse().unwrap_or(0.0),
        Value::Bool(truth) => f64::from(u8::from(*truth)),
        Value::Null | Value::Array(_) | Value::Object(_) => 0.0,
    };
    if number.is_finite() { number } else { 0.0 }
}

/// As a whole number, cut off towards zero; what cannot be read is 0.
pub fn long(value: &Value) -> i64 {
    match value {
        Value::Number(number) => number.as_i64().unwrap_or_else(|| double(value) as i64),
        _ => double(value) as i64,
    }
}

/// As a truth value; what cannot be read is false.
pub fn boolean(value: &Value) -> bool {
    match value {
        Value::Bool(truth) => *truth,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => text.trim() == "true",
        Value::Null | Value::Array(_) | Value::Object(_) => false,
    }
}

/// The elements of an array; of anything else, none.
pub fn elements(value: Option<&Value>) -> &[Value] {
    value.and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn scalars_stand_for_each_other() {
        assert_eq!(double(&json!("1")), 1.0);
        assert_eq!(double(&json!("one")), 0.0);
        assert_eq!(double(&json!("NaN")), 0.0);
        assert_eq!(long(&json!("2.9")), 2);
        assert_eq!(text(&json!(36)), "36");
        assert_eq!(text(&json!(null)), "null");
        assert!(!boolean(&json!("false")) && boolean(&json!("true")) && boolean(&json!(1)));
    }
}
