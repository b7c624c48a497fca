//! Typed access to the members of a JSON object whose author may have written numbers and booleans as text.
//!
//! Each accessor checks the member, puts it into its proper type in place, and says what is wrong with it.

use std::ops::RangeInclusive;

use serde_json::{Map, Number, Value};

use super::findings::{Findings, nearest};

/// An object being checked, with the place of its findings.
pub struct Fields<'a> {
    /// The object; text for numbers becomes numbers here.
    pub members: &'a mut Map<String, Value>,
    /// Where findings go.
    pub findings: &'a mut Findings,
    /// Precedes the name of each member in a finding.
    pub prefix: &'a str,
}

impl Fields<'_> {
    /// The member's path.
    pub fn path(&self, key: &str) -> String {
        format!("{}{key}", self.prefix)
    }

    /// Records an error of `key`.
    pub fn error(&mut self, key: &str, message: impl Into<String>) {
        let path = self.path(key);
        self.findings.error(path, message);
    }

    /// Records a warning about `key`.
    pub fn warn(&mut self, key: &str, message: impl Into<String>) {
        let path = self.path(key);
        self.findings.warn(path, message);
    }

    /// Records that `key` is missing, and the member that looks like a misspelling of it.
    pub fn missing(&mut self, key: &str, fix: &str) {
        let similar = nearest(key, self.members.keys().map(String::as_str)).map(str::to_owned);
        match similar.filter(|similar| similar != key) {
            Some(similar) => self.error(key, format!("missing (is {similar:?} meant to be it?): {fix}")),
            None => self.error(key, format!("missing: {fix}")),
        }
    }

    /// A finite number, or text that is one.
    pub fn number(&mut self, key: &str, fix: &str) -> Option<f64> {
        let value = self.members.get_mut(key)?;
        let number = match value {
            Value::Number(number) => number.as_f64(),
            Value::String(text) => match parse_number(text.trim()) {
                Some(number) => {
                    *value = Value::Number(number.clone());
                    number.as_f64()
                }
                None => None,
            },
            _ => None,
        };
        if number.is_none_or(|number| !number.is_finite()) {
            let found = self.members.get(key).map(Value::to_string).unwrap_or_default();
            self.error(key, format!("should be a number, found {found}: {fix}"));
            return None;
        }
        number
    }

    /// A whole number within `range`, or text that is one.
    pub fn whole(&mut self, key: &str, range: RangeInclusive<u32>, fix: &str) -> Option<u32> {
        let number = self.number(key, fix)?;
        if number.fract() != 0.0 || !(f64::from(*range.start())..=f64::from(*range.end())).contains(&number) {
            let (from, to) = range.into_inner();
            self.error(key, format!("should be a whole number from {from} to {to}, found {number}: {fix}"));
            return None;
        }
        let whole = number as u32;
        self.members.insert(key.to_owned(), whole.into());
        Some(whole)
    }

    /// `true` or `false`, or the text of one.
    pub fn boolean(&mut self, key: &str) -> Option<bool> {
        let value = self.members.get_mut(key)?;
        let boolean = match value {
            Value::Bool(boolean) => Some(*boolean),
            Value::String(text) => match text.trim().to_ascii_lowercase().as_str() {
                "true" => Some(true),
                "false" => Some(false),
                _ => None,
            },
            _ => None,
        };
        match boolean {
            Some(boolean) => *value = Value::Bool(boolean),
            None => {
                let found = value.to_string();
                self.error(key, format!("should be true or false, found {found}"));
            }
        }
        boolean
    }

    /// A text; numbers are taken as the text that they are written as, as Chronos does.
    pub fn text(&mut self, key: &str, fix: &str) -> Option<String> {
        let value = self.members.get_mut(key)?;
        if let Value::Number(number) = value {
            *value = Value::String(number.to_string());
        }
        if let Value::String(text) = value {
            return Some(text.clone());
        }
        let found = value.to_string();
        self.error(key, format!("should be a text in quotes, found {found}: {fix}"));
        None
    }

    /// A list.
    pub fn list(&mut self, key: &str, fix: &str) -> Option<&mut Vec<Value>> {
        if self.members.get(key).is_some_and(|value| !value.is_array()) {
            self.error(key, format!("should be a list in brackets: {fix}"));
        }
        self.members.get_mut(key).and_then(Value::as_array_mut)
    }
}

fn parse_number(text: &str) -> Option<Number> {
    if let Ok(whole) = text.parse::<i64>() {
        return Some(whole.into());
    }
    text.parse().ok().and_then(Number::from_f64)
}
