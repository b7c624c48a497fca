//! What the body of an error says, whichever of its many forms it has.

use serde_json::Value;

const LONGEST: usize = 300;

/// The first line that says something: of the JSON member `message`, or of the text. HTML says nothing.
pub fn error_message(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let message = match serde_json::from_str::<Value>(&text) {
        Ok(Value::Object(object)) => object.get("message").and_then(Value::as_str).unwrap_or_default().to_owned(),
        Ok(Value::String(text)) => text,
        // 2.4 labels plain text as application/json.
        _ if text.trim_start().starts_with('<') => String::new(),
        _ => text.into_owned(),
    };
    let line = message.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    line.chars().filter(|c| !c.is_control()).take(LONGEST).collect()
}

/// Whether `message` is one of the texts by which Chronos says that it has no such job; the status is 400 or 500.
pub fn says_not_found(message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    message.contains("not found") && (message.contains("job '") || message.contains("jobschedule '"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stack_trace_in_json_gives_its_first_line() {
        let body = br#"{"status":"Bad Request","message":"java.lang.IllegalArgumentException: requirement failed: Job 'x' not found\n\tat scala.Predef$.require(Predef.scala:219)"}"#;
        let message = error_message(body);
        assert_eq!(message, "java.lang.IllegalArgumentException: requirement failed: Job 'x' not found");
        assert!(says_not_found(&message));
    }

    #[test]
    fn plain_text_empty_and_html_bodies() {
        assert_eq!(error_message(b"requirement failed: Job 'x' not found"), "requirement failed: Job 'x' not found");
        assert_eq!(error_message(b""), "");
        assert_eq!(error_message(b"<html><title>Error 401</title></html>"), "");
        assert!(says_not_found("JobSchedule 'a b' not found"));
        assert!(!says_not_found("the job's name is invalid"));
    }
}
