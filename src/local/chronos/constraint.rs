//! On which nodes a job may run.

use regex_lite::Regex;
use serde_json::{Value, json};

use super::jackson;
use super::version::ChronosVersion;

/// One `[attribute, operator, value]`.
#[derive(Debug, Clone)]
pub struct Constraint {
    attribute: String,
    operator: Operator,
    value: String,
}

impl PartialEq for Constraint {
    fn eq(&self, other: &Self) -> bool {
        self.to_json() == other.to_json()
    }
}

#[derive(Debug, Clone)]
enum Operator {
    Equals,
    Like(Regex),
    Unlike(Regex),
}

impl Constraint {
    /// Reads one; an operator that the version does not know is dropped without a word (`Ok(None)`).
    ///
    /// # Errors
    /// When the entry is no list of three, or the expression is none.
    pub fn decode(value: &Value, version: ChronosVersion) -> Result<Option<Constraint>, String> {
        let [attribute, operator, wanted] = jackson::elements(Some(value)) else {
            return Err("a constraint is a list of attribute, operator and value".into());
        };
        let wanted = jackson::text(wanted);
        // The original matches the whole value.
        let regex = || Regex::new(&format!("^(?:{wanted})$")).map_err(|e| e.to_string());
        let operator = match jackson::text(operator).as_str() {
            "EQUALS" => Operator::Equals,
            "LIKE" => Operator::Like(regex()?),
            "UNLIKE" if version.is_v3() => Operator::Unlike(regex()?),
            _ => return Ok(None),
        };
        Ok(Some(Constraint { attribute: jackson::text(attribute), operator, value: wanted }))
    }

    /// As returned.
    pub fn to_json(&self) -> Value {
        let operator = match self.operator {
            Operator::Equals => "EQUALS",
            Operator::Like(_) => "LIKE",
            Operator::Unlike(_) => "UNLIKE",
        };
        json!([self.attribute, operator, self.value])
    }

    /// Whether a node satisfies it. The nodes here have no attributes; in 3.x the host name counts as one.
    pub fn allows(&self, hostname: &str, version: ChronosVersion) -> bool {
        let actual = (version.is_v3() && self.attribute == "hostname").then_some(hostname);
        match &self.operator {
            Operator::Equals => actual == Some(self.value.as_str()),
            Operator::Like(regex) => actual.is_some_and(|actual| regex.is_match(actual)),
            Operator::Unlike(regex) => actual.is_some_and(|actual| !regex.is_match(actual)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ChronosVersion::{V2_4, V3_0};

    #[test]
    fn unknown_operators_vanish_and_host_names_count_in_3_only() {
        let decode = |value: Value, version| Constraint::decode(&value, version).unwrap();
        assert!(decode(json!(["rack", "NEAR", "a"]), V3_0).is_none());
        assert!(decode(json!(["hostname", "UNLIKE", "a"]), V2_4).is_none());
        let like = decode(json!(["hostname", "LIKE", "node[12]"]), V3_0).unwrap();
        assert!(like.allows("node2", V3_0) && !like.allows("node22", V3_0) && !like.allows("node2", V2_4));
    }
}
