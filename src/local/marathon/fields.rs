//! Reads JSON strictly: numbers are numbers. All that is wrong is collected, each thing with its path.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

/// What is wrong with a body, and where.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Problems(Vec<(String, String)>);

impl Problems {
    /// Adds one.
    pub fn add(&mut self, path: impl Into<String>, what: impl Into<String>) {
        self.0.push((path.into(), what.into()));
    }

    /// Adds all of another list, its paths being below `path`.
    pub fn add_below(&mut self, path: &str, others: Problems) {
        self.0.extend(others.0.into_iter().map(|(below, what)| (format!("{path}{below}"), what)));
    }

    /// Whether all is well.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// `[{"path", "errors"}]`, each path once.
    pub fn details(&self) -> Value {
        let mut by_path: Vec<(&str, Vec<&str>)> = Vec::new();
        for (path, what) in &self.0 {
            match by_path.iter_mut().find(|(known, _)| known == path) {
                Some((_, errors)) => errors.push(what),
                None => by_path.push((path, vec![what])),
            }
        }
        by_path.iter().map(|(path, errors)| json!({"path": path, "errors": errors})).collect()
    }
}

/// One object, its place, and the list of what is wrong.
pub struct Fields<'a> {
    object: &'a Map<String, Value>,
    path: String,
    problems: &'a mut Problems,
}

impl<'a> Fields<'a> {
    /// The fields of `value`, which must be an object.
    pub fn of(value: &'a Value, path: &str, problems: &'a mut Problems) -> Option<Fields<'a>> {
        match value {
            Value::Object(object) => Some(Fields { object, path: path.to_owned(), problems }),
            _ => {
                problems.add(if path.is_empty() { "/" } else { path }, "error.expected.jsobject");
                None
            }
        }
    }

    /// Whether the key is there and not null.
    pub fn has(&self, key: &str) -> bool {
        self.object.get(key).is_some_and(|value| !value.is_null())
    }

    /// Something that is wrong with the whole object.
    pub fn wrong(&mut self, what: &str) {
        let path = if self.path.is_empty() { "/".to_owned() } else { self.path.clone() };
        self.problems.add(path, what);
    }

    /// Reads a field by `read`; `None` when it is absent, null or wrong.
    pub fn read<T>(&mut self, key: &str, read: impl FnOnce(&Value, &str, &mut Problems) -> Option<T>) -> Option<T> {
        let value = self.object.get(key).filter(|value| !value.is_null())?;
        read(value, &format!("{}/{key}", self.path), self.problems)
    }

    /// As [`Fields::read`]; what is absent or null is a problem.
    pub fn required<T>(&mut self, key: &str, read: impl FnOnce(&Value, &str, &mut Problems) -> Option<T>) -> Option<T> {
        if self.object.get(key).is_none_or(Value::is_null) {
            self.problems.add(format!("{}/{key}", self.path), "error.path.missing");
        }
        self.read(key, read)
    }
}

/// A string.
pub fn string(value: &Value, path: &str, problems: &mut Problems) -> Option<String> {
    let text = value.as_str().map(ToOwned::to_owned);
    if text.is_none() {
        problems.add(path, "error.expected.jsstring");
    }
    text
}

/// A truth value.
pub fn boolean(value: &Value, path: &str, problems: &mut Problems) -> Option<bool> {
    if value.as_bool().is_none() {
        problems.add(path, "error.expected.jsboolean");
    }
    value.as_bool()
}

/// A number of at least `least`.
pub fn number(least: f64) -> impl Fn(&Value, &str, &mut Problems) -> Option<f64> {
    move |value, path, problems| match value.as_f64() {
        Some(number) if number < least => {
            problems.add(path, "error.min");
            None
        }
        Some(number) => Some(number),
        None => {
            problems.add(path, "error.expected.jsnumber");
            None
        }
    }
}

/// A whole number from 0 to `most`.
pub fn whole(most: u32) -> impl Fn(&Value, &str, &mut Problems) -> Option<u32> {
    move |value, path, problems| {
        let number = value.as_f64();
        let whole = number.filter(|number| number.fract() == 0.0);
        match (number, whole) {
            (None, _) => problems.add(path, "error.expected.jsnumber"),
            (_, None) => problems.add(path, "error.expected.int"),
            (_, Some(number)) if number < 0.0 => problems.add(path, "error.min"),
            (_, Some(number)) if number > f64::from(most) => problems.add(path, "error.max"),
            (_, Some(number)) => return Some(number as u32),
        }
        None
    }
}

/// A port, 0 included.
pub fn port(value: &Value, path: &str, problems: &mut Problems) -> Option<u16> {
    whole(u32::from(u16::MAX))(value, path, problems).and_then(|port| u16::try_from(port).ok())
}

/// An array, each element read by `read`.
pub fn list<T>(
    read: impl Fn(&Value, &str, &mut Problems) -> Option<T>,
) -> impl Fn(&Value, &str, &mut Problems) -> Option<Vec<T>> {
    move |value, path, problems| {
        let Some(elements) = value.as_array() else {
            problems.add(path, "error.expected.jsarray");
            return None;
        };
        let element = |(i, element): (usize, &Value)| read(element, &format!("{path}({i})"), problems);
        Some(elements.iter().enumerate().filter_map(element).collect())
    }
}

/// An object whose values are strings.
pub fn strings(value: &Value, path: &str, problems: &mut Problems) -> Option<BTreeMap<String, String>> {
    let Some(object) = value.as_object() else {
        problems.add(path, "error.expected.jsobject");
        return None;
    };
    let mut read = BTreeMap::new();
    for (key, value) in object {
        if let Some(text) = string(value, &format!("{path}/{key}"), problems) {
            read.insert(key.clone(), text);
        }
    }
    Some(read)
}

/// An object, as it is.
pub fn object(value: &Value, path: &str, problems: &mut Problems) -> Option<Map<String, Value>> {
    if value.as_object().is_none() {
        problems.add(path, "error.expected.jsobject");
    }
    value.as_object().cloned()
}

/// One of some words.
pub fn one_of<T: Copy>(words: &'static [(&'static str, T)]) -> impl Fn(&Value, &str, &mut Problems) -> Option<T> {
    move |value, path, problems| {
        let text = string(value, path, problems)?;
        let found = words.iter().find(|(word, _)| *word == text).map(|(_, meaning)| *meaning);
        if found.is_none() {
            let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            problems.add(path, format!("'{text}' is none of {}", known.join(", ")));
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_is_wrong_is_told_with_its_path() {
        let body = json!({"cpus": "1", "instances": 1.5, "args": ["a", 2], "mem": -1, "env": {"A": 1}, "user": null});
        let mut problems = Problems::default();
        let mut fields = Fields::of(&body, "", &mut problems).unwrap();
        assert_eq!(fields.read("cpus", number(0.0)), None);
        assert_eq!(fields.read("instances", whole(9)), None);
        assert_eq!(fields.read("args", list(string)), Some(vec!["a".to_owned()]));
        assert_eq!(fields.read("mem", number(0.0)), None);
        fields.read("env", strings);
        assert_eq!(fields.read("user", string), None);
        assert_eq!(fields.required("id", string), None);
        let details = json!([
            {"path": "/cpus", "errors": ["error.expected.jsnumber"]},
            {"path": "/instances", "errors": ["error.expected.int"]},
            {"path": "/args(1)", "errors": ["error.expected.jsstring"]},
            {"path": "/mem", "errors": ["error.min"]},
            {"path": "/env/A", "errors": ["error.expected.jsstring"]},
            {"path": "/id", "errors": ["error.path.missing"]},
        ]);
        assert_eq!(problems.details(), details);
    }
}
