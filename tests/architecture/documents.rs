//! Every link of the documents leads somewhere, and every setting that they name exists.

use std::collections::BTreeSet;

use mesos_qos::config::Settings;

use crate::tree::{File, file, files, none, root};

/// README, CHANGELOG and everything in docs/ and examples/.
pub fn documents() -> Vec<File> {
    let mut documents = vec![file("README.md"), file("CHANGELOG.md")];
    documents.extend(files("docs", "md"));
    documents.extend(files("examples", "md"));
    documents
}

/// The lines outside fenced blocks, with their numbers.
fn prose(text: &str) -> Vec<(usize, &str)> {
    let mut fenced = false;
    let mut lines = Vec::new();
    for (number, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if !fenced {
            lines.push((number + 1, line));
        }
    }
    lines
}

/// The targets of `[text](target)`, with their lines.
fn links(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (number, line) in prose(text) {
        for part in line.split("](").skip(1) {
            if let Some((target, _)) = part.split_once(')') {
                found.push((number, target.to_owned()));
            }
        }
    }
    found
}

/// The anchors of the headings, made as the usual hosts make them.
fn anchors(text: &str) -> Vec<String> {
    let headings = prose(text).into_iter().filter(|(_, line)| line.starts_with('#'));
    headings
        .map(|(_, line)| {
            let heading = line.trim_start_matches('#').trim().to_lowercase();
            heading
                .chars()
                .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
                .map(|c| if c == ' ' { '-' } else { c })
                .collect()
        })
        .collect()
}

/// Relative links of `document` that lead nowhere.
fn dead_links(document: &File) -> Vec<String> {
    let folder = root().join(&document.path).parent().unwrap().to_owned();
    let mut dead = Vec::new();
    for (line, target) in links(&document.text) {
        if target.contains("://") || target.starts_with("mailto:") {
            continue;
        }
        let (path, anchor) = target.split_once('#').unwrap_or((&target, ""));
        let place = if path.is_empty() { root().join(&document.path) } else { folder.join(path) };
        let known = || std::fs::read_to_string(&place).is_ok_and(|text| anchors(&text).iter().any(|a| a == anchor));
        if !place.exists() || (!anchor.is_empty() && !known()) {
            dead.push(format!("{}:{line}: {target} leads nowhere", document.path));
        }
    }
    dead
}

/// The spans between backquotes that look like `section.key` of a known section.
fn named_settings(text: &str) -> BTreeSet<String> {
    let sections: Vec<String> =
        Settings::default().to_toml().unwrap().parse::<toml::Table>().unwrap().keys().cloned().collect();
    let spans = prose(text).into_iter().flat_map(|(_, line)| line.split('`').skip(1).step_by(2));
    let is_key = |span: &&str| {
        let name = span.split([' ', '=']).next().unwrap_or_default();
        name.split_once('.').is_some_and(|(section, key)| {
            // `chronos.json` is a file.
            key != "json"
                && sections.iter().any(|known| known == section)
                && key.chars().all(|c| c.is_ascii_lowercase() || c == '_')
        })
    };
    spans.filter(is_key).map(|span| span.split([' ', '=']).next().unwrap_or_default().to_owned()).collect()
}

/// Whether the program takes this name for a setting; the value does not matter.
fn is_a_setting(name: &str) -> bool {
    let variable = format!("MESOS_QOS_{}", name.to_uppercase().replace('.', "_"));
    let loaded = Settings::load(vec![], [(variable.clone().into(), "".into())], Some("/dev/null".into()));
    loaded.err().is_none_or(|error| !error.to_string().contains(&format!("unknown setting {variable}")))
}

#[test]
fn every_relative_link_exists() {
    none(documents().iter().flat_map(dead_links).collect());
}

#[test]
fn every_setting_that_is_named_exists() {
    let mut findings = Vec::new();
    let mut checked = 0;
    for document in documents() {
        for name in named_settings(&document.text) {
            checked += 1;
            if !is_a_setting(&name) {
                findings.push(format!("{}: {name} is no setting", document.path));
            }
        }
    }
    none(findings);
    assert!(checked > 10, "only {checked} settings found: the search for them is broken");
}

#[test]
fn a_dead_link_is_found() {
    let document = |text: &str| File { path: "docs/x.md".into(), text: text.into() };
    for bad in ["[a](nowhere.md)", "see [a](../README.md) and [b](../gone.md#x)", "[a](../Cargo.toml#no-such-heading)"]
    {
        assert_eq!(dead_links(&document(bad)).len(), 1, "{bad}");
    }
    for good in [
        "[a](https://example.org/x)",
        "[a](../Cargo.toml)",
        "# A `b`: c, d\n[a](#a-b-c-d)",
        "```\n[a](nowhere.md)\n```",
    ] {
        // An anchor of the document itself is looked up in its file, which this one does not have.
        let found = if good.starts_with('#') { vec![] } else { dead_links(&document(good)) };
        assert_eq!(found, Vec::<String>::new(), "{good}");
    }
    assert_eq!(anchors("# A `b`: c, d\n## Two  words"), ["a-b-c-d", "two--words"]);
}

#[test]
fn an_invented_setting_is_found() {
    let text = "set `supervisor.port` or `auth.mode = \"off\"`, not `elasticity.invented`; `events.db` and `chronos.json` are files";
    let named: Vec<String> = named_settings(text).into_iter().collect();
    assert_eq!(named, ["auth.mode", "elasticity.invented", "supervisor.port"]);
    assert!(is_a_setting("supervisor.port") && is_a_setting("auth.token_file"));
    assert!(!is_a_setting("elasticity.invented"));
}
