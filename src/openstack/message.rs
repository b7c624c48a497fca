//! What a refusal says, whichever of its forms it has.

use std::cmp::Reverse;

use serde_json::Value;

/// A refusal can hold a whole schema.
const LONGEST: usize = 300;

/// What stands in place of a secret.
const HIDDEN: &str = "***";

/// The words of Keystone (`error.message`), of monasca-api (`description`, `title`) or of the Java API (any member's `message`); of a
/// text its first line. HTML says nothing.
pub(super) fn message(body: &[u8]) -> String {
    first_line(&said(body))
}

/// The same for an answer that may quote `secret`, which is shown as [`HIDDEN`], also where it is escaped.
pub(super) fn message_without(body: &[u8], secret: &str) -> String {
    let mut forms = written(secret);
    // A form can begin with a shorter one, and its rest would stay.
    forms.sort_by_key(|form| (Reverse(form.len()), form.clone()));
    forms.dedup();
    // Before the text is cut: a part of the secret would not be found.
    let hide = |said: String, form: String| said.replace(&form, HIDDEN);
    first_line(&forms.into_iter().filter(|form| !form.is_empty()).fold(said(body), hide))
}

/// How a text can stand in an answer: as it is, in JSON, in JSON of ASCII alone, as Python shows it.
fn written(text: &str) -> Vec<String> {
    let json = Value::from(text).to_string();
    let json = json[1..json.len() - 1].to_owned();
    let mut ascii = String::new();
    for character in json.chars() {
        if character.is_ascii() {
            ascii.push(character);
        } else {
            ascii.extend(character.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")));
        }
    }
    let repr = text.replace('\\', "\\\\").replace('\n', "\\n").replace('\r', "\\r").replace('\t', "\\t");
    let quoted = repr.replace('\'', "\\'");
    vec![text.to_owned(), json, ascii, repr, quoted]
}

fn said(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    match serde_json::from_str::<Value>(&text) {
        Ok(Value::Object(members)) => {
            let word = |name: &str| members.get(name).and_then(Value::as_str);
            let nested = || members.values().find_map(|member| member.get("message")?.as_str());
            let said = word("description").or_else(|| word("message")).or_else(nested).or_else(|| word("title"));
            said.unwrap_or_default().to_owned()
        }
        Ok(Value::String(text)) => text,
        _ if text.trim_start().starts_with('<') => String::new(),
        _ => text.into_owned(),
    }
}

fn first_line(said: &str) -> String {
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
