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
    first_line(&message)
}

/// The first line of `text` with something on it, cut where it says enough, without control characters.
pub fn first_line(text: &str) -> String {
    let line = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    line.chars().filter(|c| !c.is_control()).take(LONGEST).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_text_json_text_empty_and_html_bodies() {
        assert_eq!(error_message(b"requirement failed: Job 'x' not found"), "requirement failed: Job 'x' not found");
        assert_eq!(error_message(br#""  said in JSON""#), "said in JSON");
        assert_eq!(error_message(b""), "");
        assert_eq!(error_message(b"<html><title>Error 401</title></html>"), "");
    }

    #[test]
    fn a_long_line_is_cut_and_holds_no_control_characters() {
        let message = error_message(format!("\n a\u{1b}[31m{}", "x".repeat(1000)).as_bytes());
        assert_eq!(message.len(), LONGEST);
        assert!(message.starts_with("a[31mx"), "{message}");
    }
}
