//! What each part of the source may name.

use crate::source::{Piece, Token, lines_with, tokens};
use crate::tree::{File, files, none};

/// The parts that are the same on every replay: rules, events and the documents on the wire.
const PURE: [&str; 6] =
    ["src/qos/", "src/simulation/", "src/replay/", "src/events/job/", "src/api/", "src/openstack/measurements/"];

/// What a pure part must not name: runtimes, clients, databases, clocks, chance, the system.
const IMPURE: [&str; 26] = [
    "tokio",
    "actix",
    "actix_web",
    "actix_rt",
    "rusqlite",
    "reqwest",
    "tracing",
    "nix",
    "rand",
    "SystemTime",
    "Instant::now",
    "Utc::now",
    "Local::now",
    "Clock",
    "SystemClock",
    "std::fs",
    "std::env",
    "std::net",
    "std::process",
    "std::thread",
    "std::sync",
    "crate::clock",
    "crate::actors",
    "crate::http",
    "crate::clients",
    "crate::config",
];

/// Whose order of elements differs from one process to the next.
const UNORDERED: [&str; 2] = ["HashMap", "HashSet"];

/// Reads of the wall clock. `std::time::Instant` measures and is no wall clock.
const WALL_CLOCK: [&str; 6] = ["SystemTime", "UNIX_EPOCH", "Utc::now", "Local::now", "Zoned::now", "CLOCK_REALTIME"];

/// Where the real clock may be chosen: the commands, and what puts a whole supervisor or cluster together.
const CHOOSES_THE_CLOCK: [&str; 4] = ["src/clock.rs", "src/cli/", "src/demo/", "src/main.rs"];

/// Statements of SQL begin with one of these.
const SQL: [&str; 9] = [
    "SELECT ",
    "INSERT INTO ",
    "INSERT OR ",
    "UPDATE ",
    "DELETE FROM ",
    "CREATE TABLE ",
    "CREATE INDEX ",
    "PRAGMA ",
    "BEGIN IMMEDIATE",
];

/// The most lines of a source file.
const LONGEST: usize = 400;

/// Files that are longer, each with its reason.
const LONGER: [(&str, &str); 0] = [];

fn within(path: &str, places: &[&str]) -> bool {
    places.iter().any(|place| path.starts_with(place))
}

/// Every place in `files` that names one of `names`.
fn naming(files: &[File], names: &[&str], why: &str) -> Vec<String> {
    let mut findings = Vec::new();
    for file in files {
        let tokens = tokens(&file.text);
        for name in names {
            for line in lines_with(&tokens, name) {
                findings.push(format!("{}:{line}: names {name}: {why}", file.path));
            }
        }
    }
    findings
}

/// Every string literal in `files` that holds a statement of SQL.
fn sql(files: &[File]) -> Vec<String> {
    let is_sql = |token: &&Token| match &token.piece {
        Piece::Text(text) => {
            let text = text.trim_start_matches(['r', 'b', '#', '"']).trim_start();
            SQL.iter().any(|start| text.starts_with(start))
        }
        _ => false,
    };
    let mut findings = Vec::new();
    for file in files {
        for token in tokens(&file.text).iter().filter(is_sql) {
            findings.push(format!("{}:{}: SQL belongs into src/events", file.path, token.line));
        }
    }
    findings
}

fn too_long(files: &[File], exceptions: &[(&str, &str)]) -> Vec<String> {
    let long = files.iter().filter(|file| file.text.lines().count() > LONGEST);
    let unexpected = long.filter(|file| !exceptions.iter().any(|(path, _)| *path == file.path));
    unexpected.map(|file| format!("{}: {} lines, more than {LONGEST}", file.path, file.text.lines().count())).collect()
}

fn sources(wanted: impl Fn(&str) -> bool) -> Vec<File> {
    let mut found = files("src", "rs");
    found.retain(|file| wanted(&file.path));
    assert!(!found.is_empty(), "the rule would check nothing");
    found
}

/// Tests of a pure part may do what they need.
fn is_tests(path: &str) -> bool {
    path.contains("/tests/")
}

#[test]
fn rules_events_and_wire_documents_are_pure() {
    let pure = sources(|path| within(path, &PURE) && !is_tests(path));
    none(naming(&pure, &IMPURE, "this part must give the same result on every replay"));
}

#[test]
fn nothing_unordered_decides() {
    none(naming(
        &sources(|path| within(path, &["src/qos/", "src/simulation/"])),
        &UNORDERED,
        "use BTreeMap or BTreeSet",
    ));
}

#[test]
fn only_the_clock_reads_the_wall_clock() {
    none(naming(&sources(|path| path != "src/clock.rs"), &WALL_CLOCK, "take a Clock or a Timestamp"));
}

#[test]
fn the_real_clock_is_chosen_at_the_edge() {
    let inner = sources(|path| !within(path, &CHOOSES_THE_CLOCK));
    none(naming(&inner, &["SystemClock"], "take a Clock; the commands choose which"));
}

#[test]
fn the_database_is_the_business_of_the_event_log() {
    let others = sources(|path| !path.starts_with("src/events/"));
    none(naming(&others, &["rusqlite", "refinery"], "only src/events talks to the database"));
    none(sql(&others));
}

/// The one place that makes a resize from a decision, and where the event itself is.
const MAKES_RESIZES: [&str; 2] = ["src/qos/job/acting.rs", "src/events/job/"];

/// Every place in `files` that makes the event of a resize, by its fields.
fn resizes(files: &[File]) -> Vec<String> {
    let mut findings = Vec::new();
    for file in files {
        for pair in tokens(&file.text).windows(2) {
            if pair[0].piece == Piece::Word("Rescaled".into()) && pair[1].piece == Piece::Sign('{') {
                findings.push(format!("{}:{}: only who may act makes a resize", file.path, pair[0].line));
            }
        }
    }
    findings
}

#[test]
fn a_resize_is_made_in_one_place_which_a_policy_that_only_recommends_cannot_reach() {
    none(resizes(&sources(|path| !within(path, &MAKES_RESIZES) && !is_tests(path) && !path.ends_with("/tests.rs"))));
}

#[test]
fn files_stay_small() {
    none(too_long(&sources(|_| true), &LONGER));
}

mod each_rule_can_fail {
    use super::*;

    fn source(text: &str) -> Vec<File> {
        vec![File { path: "src/qos/bad.rs".into(), text: text.into() }]
    }

    #[test]
    fn impure_names_are_found_in_uses_calls_and_macros() {
        for bad in [
            "use tokio::sync::mpsc;",
            "use std::{fs, time}; fn f() { std::fs::read(\"x\"); }",
            "fn f() { let now = std::time::Instant::now(); }",
            "fn f() { chrono::Utc::now(); }",
            "fn f() { log!(reqwest::get(\"x\")); }",
            "#[actix::main] async fn main() {}",
            "use crate::clock::Clock;",
        ] {
            assert!(!naming(&source(bad), &IMPURE, "x").is_empty(), "{bad}");
        }
        let good = "use std::time::Instant; // tokio\n/// reqwest\nfn f(at: Instant, clocks: Clocks) {}";
        none(naming(&source(good), &IMPURE, "x"));
        let found = naming(&source("\n\nuse tokio::x;"), &IMPURE, "why");
        assert_eq!(found, ["src/qos/bad.rs:3: names tokio: why"]);
    }

    #[test]
    fn hash_maps_are_found() {
        assert_eq!(naming(&source("fn f(m: std::collections::HashMap<u8, u8>) {}"), &UNORDERED, "x").len(), 1);
        none(naming(&source("fn f(m: BTreeMap<u8, u8>) {} // HashMap"), &UNORDERED, "x"));
    }

    #[test]
    fn reads_of_the_wall_clock_are_found() {
        for bad in ["fn f() { SystemTime::now(); }", "fn f() { Utc::now(); }", "use std::time::UNIX_EPOCH;"] {
            assert!(!naming(&source(bad), &WALL_CLOCK, "x").is_empty(), "{bad}");
        }
        none(naming(&source("fn f(at: DateTime<Utc>) { Instant::now(); }"), &WALL_CLOCK, "x"));
        assert_eq!(naming(&source("fn f() { SystemClock.now(); }"), &["SystemClock"], "x").len(), 1);
    }

    #[test]
    fn sql_is_found_in_every_kind_of_literal() {
        for bad in [
            r#"fn f() { run("SELECT 1"); }"#,
            r##"fn f() { run(r#"  UPDATE jobs SET x = 1"#); }"##,
            r#"const S: &str = "INSERT INTO events VALUES (1)";"#,
            r#"fn f() { run(format!("PRAGMA {name}")); }"#,
        ] {
            assert_eq!(sql(&source(bad)).len(), 1, "{bad}");
        }
        none(sql(&source(
            r#"// SELECT
            fn f() { say("UPDATED"); say("the DELETE waits"); say("select one"); }"#,
        )));
        assert_eq!(naming(&source("use rusqlite::Connection;"), &["rusqlite"], "x").len(), 1);
    }

    #[test]
    fn resizes_are_found() {
        assert_eq!(resizes(&source("fn f() { events.push(Rescaled { from, to, decision }.into()); }")).len(), 1);
        none(resizes(&source("fn f(r: Rescaled) { match e { JobEvent::Rescaled(r) => {} } } // Rescaled {}")));
    }

    #[test]
    fn long_files_are_found_unless_excepted() {
        let long = source(&"//\n".repeat(LONGEST + 1));
        assert_eq!(too_long(&long, &[]).len(), 1);
        none(too_long(&long, &[("src/qos/bad.rs", "a reason")]));
        none(too_long(&source(&"//\n".repeat(LONGEST)), &[]));
    }
}
