//! On which nodes a task of an app may run. The nodes have no attributes; their host name counts as one.

use std::collections::BTreeMap;

use regex_lite::Regex;

/// The attribute that every node has.
const HOSTNAME: &str = "hostname";

/// Whether a constraint is one: attribute, operator and, for most, a value.
///
/// # Errors
/// What is wrong with it.
pub fn check(constraint: &[String]) -> Result<(), String> {
    let [_, operator, value @ ..] = constraint else { return Err("Missing field and operator".into()) };
    let value = value.first().filter(|value| !value.is_empty());
    let number = || value.is_some_and(|value| value.parse::<u32>().is_ok());
    match operator.to_uppercase().as_str() {
        "UNIQUE" if value.is_some() => Err("Value specified but not used".into()),
        "UNIQUE" => Ok(()),
        "CLUSTER" if value.is_none() => Err("Missing value".into()),
        "CLUSTER" => Ok(()),
        "GROUP_BY" if value.is_some() && !number() => Err("Value was specified but is not a number".into()),
        "GROUP_BY" => Ok(()),
        "MAX_PER" if !number() => Err("Value was not specified or is not a number".into()),
        "MAX_PER" => Ok(()),
        "LIKE" | "UNLIKE" => match value {
            None => Err("A regular expression value must be provided".into()),
            Some(value) => {
                expression(value).map(|_| ()).map_err(|_| format!("'{value}' is not a valid regular expression"))
            }
        },
        _ => Err("Operator must be one of the following UNIQUE, CLUSTER, GROUP_BY, LIKE, MAX_PER or UNLIKE".into()),
    }
}

/// Whether a node may get another task, given how many of the app's tasks each node has.
pub fn allows(constraint: &[String], hostname: &str, tasks: &BTreeMap<&str, u32>) -> bool {
    let [attribute, operator, value @ ..] = constraint else { return true };
    let value = value.first().map_or("", String::as_str);
    let here = tasks.get(hostname).copied().unwrap_or(0);
    let named = attribute == HOSTNAME;
    match operator.to_uppercase().as_str() {
        "UNIQUE" => named && here == 0,
        "CLUSTER" => named && hostname == value,
        "MAX_PER" => named && here < value.parse().unwrap_or(u32::MAX),
        // The node with the fewest comes first.
        "GROUP_BY" => !named || tasks.values().all(|others| here <= *others),
        "LIKE" => named && expression(value).is_ok_and(|expression| expression.is_match(hostname)),
        "UNLIKE" => !named || expression(value).is_ok_and(|expression| !expression.is_match(hostname)),
        _ => true,
    }
}

/// The original matches the whole value.
fn expression(text: &str) -> Result<Regex, regex_lite::Error> {
    Regex::new(&format!("^(?:{text})$"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn constraint(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn a_node_is_chosen_by_name_and_by_what_it_has() {
        let tasks = BTreeMap::from([("node1", 1), ("node2", 0)]);
        let allowed = |words: &[&str]| ["node1", "node2"].map(|node| allows(&constraint(words), node, &tasks));
        assert_eq!(allowed(&["hostname", "UNIQUE"]), [false, true]);
        assert_eq!(allowed(&["hostname", "CLUSTER", "node1"]), [true, false]);
        assert_eq!(allowed(&["hostname", "LIKE", "node[13]"]), [true, false]);
        assert_eq!(allowed(&["hostname", "UNLIKE", "node1"]), [false, true]);
        assert_eq!(allowed(&["hostname", "MAX_PER", "1"]), [false, true]);
        assert_eq!(allowed(&["hostname", "GROUP_BY"]), [false, true]);
        assert_eq!(allowed(&["rack", "LIKE", ".*"]), [false, false]);
    }

    #[test]
    fn what_is_no_constraint_is_refused() {
        for good in [&["hostname", "UNIQUE"][..], &["hostname", "like", "a.*"], &["rack", "GROUP_BY", "3"]] {
            assert_eq!(check(&constraint(good)), Ok(()), "{good:?}");
        }
        for bad in [&["hostname"][..], &["hostname", "NEAR", "a"], &["hostname", "LIKE"], &["hostname", "LIKE", "("]] {
            assert!(check(&constraint(bad)).is_err(), "{bad:?}");
        }
    }
}
