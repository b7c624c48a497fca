//! The path that names an app.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The addresses of an app end in these words, so no app can be addressed whose id ends in one.
const RESERVED: [&str; 3] = ["restart", "tasks", "versions"];

/// An app's id, absolute: `/group/name`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AppId(String);

/// An id that Marathon would refuse.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct AppIdError(String);

impl AppId {
    /// With its leading slash.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The parts between the slashes.
    pub fn segments(&self) -> impl Iterator<Item = &str> {
        self.0.split('/').filter(|segment| !segment.is_empty())
    }

    /// As Marathon wrote it, unchecked: what it has accepted once need not please us.
    fn of_marathon(text: &str) -> Self {
        AppId(format!("/{}", text.trim_start_matches('/')))
    }
}

impl FromStr for AppId {
    type Err = AppIdError;

    /// Takes an id with or without its leading slashes; the error says which part is wrong and what would be right.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const FIX: &str = "Marathon takes lower-case letters, digits, - and . in each part between slashes";
        let path = text.trim_start_matches('/');
        if path.is_empty() {
            return Err(AppIdError(format!("{text:?} names no app: {FIX}")));
        }
        for segment in path.split('/') {
            if let Some(problem) = problem(segment) {
                return Err(AppIdError(format!("{text:?}: {problem}; {FIX}")));
            }
        }
        if let Some(word) = RESERVED.into_iter().find(|word| path.rsplit('/').next() == Some(word)) {
            return Err(AppIdError(format!(
                "{text:?} ends in {word:?}, which Marathon keeps for itself: choose another last part"
            )));
        }
        Ok(AppId(format!("/{path}")))
    }
}

/// What is wrong with one part of a path.
fn problem(segment: &str) -> Option<String> {
    if segment.is_empty() {
        return Some("a part between two slashes, or after the last, is empty".into());
    }
    if matches!(segment, "." | "..") {
        return Some(format!("{segment:?} is relative, and the app has to be found again by its id"));
    }
    if let Some(wrong) = segment.chars().find(|c| !matches!(c, 'a'..='z' | '0'..='9' | '-' | '.')) {
        let what = if wrong.is_ascii_uppercase() { "the capital letter" } else { "the character" };
        return Some(format!("{what} {wrong:?} in {segment:?} is not allowed"));
    }
    let word = segment.split('.').find(|word| word.is_empty() || word.starts_with('-') || word.ends_with('-'))?;
    Some(match word {
        "" => format!("{segment:?} has a dot at its beginning or end, or two in a row"),
        _ => format!("in {segment:?} a word begins or ends with -"),
    })
}

impl fmt::Display for AppId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl Serialize for AppId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for AppId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| AppId::of_marathon(&text))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_id_is_absolute_however_it_is_written() {
        for text in ["openmplinpack1", "/openmplinpack1", "//openmplinpack1"] {
            assert_eq!(text.parse::<AppId>().unwrap().as_str(), "/openmplinpack1");
        }
        let deep: AppId = "group/a.b-c/1".parse().unwrap();
        assert_eq!(deep.segments().collect::<Vec<_>>(), ["group", "a.b-c", "1"]);
    }

    #[test]
    fn a_refused_id_comes_with_its_reason() {
        for (text, words) in [
            ("openmpLinpack1", "capital letter 'L'"),
            ("a_b", "'_'"),
            ("a b", "' '"),
            ("ñ", "'ñ'"),
            ("x$(touch)", "'$'"),
            ("", "names no app"),
            ("/", "names no app"),
            ("a//b", "is empty"),
            ("a/", "is empty"),
            ("../a", "relative"),
            ("a/./b", "relative"),
            ("-a", "begins or ends with -"),
            ("a-", "begins or ends with -"),
            ("a.-b", "begins or ends with -"),
            (".a", "dot"),
            ("a..b", "dot"),
            ("a/tasks", "\"tasks\""),
            ("versions", "\"versions\""),
        ] {
            let error = text.parse::<AppId>().unwrap_err().to_string();
            assert!(error.contains(words), "{text}: {error}");
        }
        assert!("tasks/a".parse::<AppId>().is_ok(), "only the last part is reserved");
    }

    proptest! {
        /// Marathon's own pattern for one part, as published.
        #[test]
        fn one_part_is_accepted_exactly_when_marathons_pattern_matches(segment in "[a-cA._ 0-1-]{1,8}") {
            let word = "([a-z0-9]|[a-z0-9][a-z0-9-]*[a-z0-9])";
            let pattern = regex_lite::Regex::new(&format!(r"^({word}\.)*{word}$")).unwrap();
            prop_assert_eq!(segment.parse::<AppId>().is_ok(), pattern.is_match(&segment), "{}", segment);
        }
    }
}
