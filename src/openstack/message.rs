//! What a refusal says, whichever of its forms it has.

use serde_json::Value;

/// A refusal can hold a whole schema.
const LONGEST: usize = 300;

/// The words of Keystone (`error.message`), of monasca-api (`description`, `title`) or of the Java API (any member's `message`); of a
/// text its first line. HTML says nothing.
pub(super) fn message(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let said = match serde_json::from_str::<Value>(&text) {
        Ok(Value::Object(members)) => {
            let word = |name: &str| members.get(name).and_then(Value::as_str);
            let nested = || members.values().find_map(|member| member.get("message")?.as_str());
            let said = word("description").or_else(|| word("message")).or_else(nested).or_else(|| word("title"));
            said.unwrap_or_default().to_owned()
        }
        Ok(Value::String(text)) => text,
        _ if text.trim_start().starts_with('<') => String::new(),
        _ => text.into_owned(),
    };
    let line = said.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    line.chars().filter(|c| !c.is_control()).take(LONGEST).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_a_refusal_is_understood() {
        for (body, expected) in [
            (r#"{"error":{"code":401,"message":"no","title":"Unauthorized"}}"#, "no"),
            (r#"{"title":"Forbidden","description":"no role"}"#, "no role"),
            (r#"{"title":"404 Not Found"}"#, "404 Not Found"),
            (r#"{"unprocessable_entity":{"code":422,"message":"bad","details":""}}"#, "bad"),
            ("Internal Server Error", "Internal Server Error"),
            ("<html>x</html>", ""),
            ("", ""),
            ("[]", "[]"),
        ] {
            assert_eq!(message(body.as_bytes()), expected, "{body}");
        }
        assert_eq!(message("x".repeat(5000).as_bytes()).len(), LONGEST);
    }
}
