//! Selection of apps by their labels: `a`, `a==b`, `a!=b`, `a in (b, c)`, `a notin (b, c)`, joined by commas.

use std::collections::BTreeMap;

/// What one label must be.
#[derive(Debug, PartialEq, Eq)]
enum Wanted {
    There,
    OneOf(Vec<String>),
    NoneOf(Vec<String>),
}

/// What labels must be, all of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Labels(Vec<(String, Wanted)>);

impl Labels {
    /// Reads a selector; `None` when it is none.
    pub fn parse(text: &str) -> Option<Labels> {
        split(text).into_iter().map(one).collect::<Option<Vec<_>>>().map(Labels)
    }

    /// Whether an app's labels are so.
    pub fn select(&self, labels: &BTreeMap<String, String>) -> bool {
        self.0.iter().all(|(name, wanted)| match (labels.get(name), wanted) {
            (value, Wanted::There) => value.is_some(),
            (value, Wanted::OneOf(values)) => value.is_some_and(|value| values.contains(value)),
            // A label that is not there is not one of them, but not anything else either.
            (value, Wanted::NoneOf(values)) => value.is_some_and(|value| !values.contains(value)),
        })
    }
}

/// At the commas outside parentheses.
fn split(text: &str) -> Vec<&str> {
    let (mut parts, mut depth, mut from) = (Vec::new(), 0_i32, 0);
    for (at, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&text[from..at]);
                from = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[from..]);
    parts
}

fn one(text: &str) -> Option<(String, Wanted)> {
    let text = text.trim();
    let named = |name: &str, wanted| {
        let name = name.trim();
        (!name.is_empty() && !name.contains(char::is_whitespace)).then(|| (name.to_owned(), wanted))
    };
    if let Some((name, value)) = text.split_once("==") {
        return named(name, Wanted::OneOf(vec![value.trim().to_owned()]));
    }
    if let Some((name, value)) = text.split_once("!=") {
        return named(name, Wanted::NoneOf(vec![value.trim().to_owned()]));
    }
    if let Some((head, list)) = text.strip_suffix(')').and_then(|text| text.split_once('(')) {
        let values = list.split(',').map(|value| value.trim().to_owned()).collect();
        return match head.trim().rsplit_once(char::is_whitespace)? {
            (name, "in") => named(name, Wanted::OneOf(values)),
            (name, "notin") => named(name, Wanted::NoneOf(values)),
            _ => None,
        };
    }
    named(text, Wanted::There)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selectors_are_joined_and_their_values_compared() {
        let labels = BTreeMap::from([("a".to_owned(), "1".to_owned()), ("b".to_owned(), "x y".to_owned())]);
        let selects = |text: &str| Labels::parse(text).map(|selector| selector.select(&labels));
        for yes in ["a", "a==1", "a != 2", "a in (1, 2)", "a notin (3),b", "b==x y"] {
            assert_eq!(selects(yes), Some(true), "{yes}");
        }
        for no in ["c", "a==2", "a in (2)", "a notin (1)", "a,c", "c!=1"] {
            assert_eq!(selects(no), Some(false), "{no}");
        }
        for bad in ["", "a b", "a near (1)", "a,,b"] {
            assert_eq!(selects(bad), None, "{bad}");
        }
    }
}
