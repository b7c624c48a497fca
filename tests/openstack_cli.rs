//! `mesos-qos monasca` against the embedded Monasca.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod openstack_support;

use std::collections::BTreeSet;

use openstack_support::Stack;
use openstack_support::cli::Cli;
use serde_json::{Value, json};

fn cli(stack: &Stack, account: &str) -> Cli {
    Cli { file: stack.file(account, &stack.cluster.keystone_url(), &format!("{}/v2.0/", stack.cluster.monasca_url())) }
}

#[test]
fn notification_methods_are_made_once_shown_by_name_and_deleted() {
    let stack = Stack::start();
    let cli = cli(&stack, "user");
    assert_eq!(cli.text(&["notification", "list"]), "no notification methods\n");
    let create = ["notification", "create", "ops", "email", "ops@example.com"];
    let made = cli.json(&create);
    assert_eq!((&made["type"], &made["period"]), (&json!("EMAIL"), &json!(0)));
    assert!(cli.text(&create).starts_with("exists "), "the same again is no error");
    let error = cli.error(&["notification", "create", "ops", "email", "other@example.com"]);
    assert!(error.contains("another notification method \"ops\", whose address is"), "{error}");
    assert!(cli.error(&["notification", "create", "bad", "EMAIL", "nobody"]).contains("status 400"));
    let shown = cli.text(&["notification", "get", "ops"]);
    assert!(shown.contains("ops@example.com") && shown.contains(made["id"].as_str().unwrap()), "{shown}");
    assert!(cli.error(&["notification", "get", "none"]).contains("no notification method \"none\""));
    assert_eq!(cli.text(&["notification", "delete", "ops", "none"]), "deleted 1\n");
    assert_eq!(cli.json(&["notification", "list"]), json!([]));
}

#[test]
fn alarm_definitions_are_made_from_flags_or_a_file_and_name_methods_as_people_do() {
    let stack = Stack::start();
    let cli = cli(&stack, "user");
    let method = cli.json(&["notification", "create", "hook", "WEBHOOK", "http://h/", "--period", "60"]);
    let create = [
        "alarm",
        "create",
        "late",
        "max(prediction_vs_deadline) > 0",
        "--severity",
        "critical",
        "--match-by",
        "jobname,uuid",
        "--alarm-action",
        "hook",
        "--ok-action",
        "hook",
        "--undetermined-action",
        method["id"].as_str().unwrap(),
    ];
    let made = cli.json(&create);
    assert_eq!((&made["severity"], &made["match_by"]), (&json!("CRITICAL"), &json!(["jobname", "uuid"])));
    for action in ["alarm_actions", "ok_actions", "undetermined_actions"] {
        assert_eq!(made[action], json!([method["id"]]), "{action}");
    }
    assert!(cli.text(&create).starts_with("exists "));
    assert!(cli.error(&["alarm", "create", "late", "max(x) > 1"]).contains("delete it, or choose another name"));
    assert!(cli.error(&["alarm", "create", "x", "max("]).contains("Invalid alarm expression"));
    assert!(
        cli.error(&["alarm", "create", "x", "max(x) > 1", "--ok-action", "who"])
            .contains("no notification method \"who\"")
    );
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("alarm.json");
    std::fs::write(&file, r#"{"name": "from a file", "expression": "min(current_cpu) < 0.2", "severity": "HIGH"}"#)
        .unwrap();
    assert_eq!(cli.json(&["alarm", "create", "--file", file.to_str().unwrap()])["severity"], "HIGH");
    std::fs::write(&file, r#"{"name": "x", "expression": "a > 1", "severty": "HIGH"}"#).unwrap();
    let error = cli.error(&["alarm", "create", "--file", file.to_str().unwrap()]);
    assert!(error.contains("unknown field `severty`"), "{error}");
    let list = cli.text(&["alarm", "list"]);
    assert!(list.contains("from a file") && list.contains("max(prediction_vs_deadline) > 0"), "{list}");
    assert_eq!(cli.json(&["alarm", "delete", "late", "from a file"]).as_array().unwrap().len(), 2);
    assert_eq!(cli.text(&["alarm", "list"]), "no alarm definitions\n");
}

#[test]
fn setup_makes_what_is_missing_and_nothing_twice() {
    let stack = Stack::start();
    let cli = cli(&stack, "user");
    let first = cli.json(&["setup", "--email", "ops@example.com"]);
    assert!(first.as_array().unwrap().iter().all(|one| one["created"] == true), "{first}");
    assert_eq!(first.as_array().unwrap().len(), 4);
    let alarms = cli.json(&["alarm", "list"]);
    assert!(alarms.as_array().unwrap().iter().all(|one| one["alarm_actions"] == json!([first[0]["definition"]["id"]])));
    let all = alarms.as_array().unwrap().iter();
    let expressions: BTreeSet<&str> = all.map(|one| one["expression"].as_str().unwrap()).collect();
    // Values that are minutes apart: most windows of a statistic are empty, and would raise and keep up no alarm.
    let expected =
        ["last(prediction_vs_deadline) > 0", "last(marathon_ratio_progress) < 0.8", "last(current_cpu) < 0.2"];
    assert_eq!(expressions, BTreeSet::from(expected));
    let one = alarms[0]["name"].as_str().unwrap().to_owned();
    cli.text(&["alarm", "delete", &one]);
    let again = cli.json(&["setup", "--email", "ops@example.com"]);
    let new: Vec<&Value> = again.as_array().unwrap().iter().filter(|one| one["created"] == true).collect();
    assert_eq!(new.len(), 1, "{again}");
    assert_eq!(new[0]["definition"]["name"], one.as_str());
}

#[test]
fn who_may_not_is_told_what_he_lacks() {
    let stack = Stack::start();
    let error = cli(&stack, "reader").error(&["setup"]);
    assert!(error.contains("needs the role monasca-user"), "{error}");
    let error = cli(&stack, "nobody").error(&["alarm", "list"]);
    assert!(error.contains("no role on the project"), "{error}");
    let output = cli(&stack, "user").run(&["alarm", "create", "only a name"]);
    assert_eq!(output.status.code(), Some(2));
}
