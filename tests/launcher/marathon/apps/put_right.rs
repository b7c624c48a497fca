//! What is put right, and what is said of it.

use std::sync::Arc;

use mesos_qos::clients::marathon::MarathonVersion;
use mesos_qos::clock::ManualClock;
use mesos_qos::launcher::marathon::rewrite::warnings;
use mesos_qos::launcher::{JobSource, LaunchOptions, dry_run_app};
use mesos_qos::qos::units::Timestamp;
use serde_json::{Value, json};

use super::*;

#[test]
fn what_can_be_put_right_is_and_is_said() {
    for (change, field, words) in [
        (json!({"qos": {"duration": 1, "deadline": 2, "desv_deadline": 0.8}}), "qos.desv_deadline", "behind or ahead"),
        (json!({"instances": 3}), "instances", "becomes 1"),
        (json!({"instances": "0"}), "instances", "becomes 1"),
        (json!({"backoffSeconds": 1}), "backoffSeconds", "becomes 300"),
        (json!({"maxLaunchDelaySeconds": 60}), "maxLaunchDelaySeconds", "becomes 300"),
        (
            json!({"upgradeStrategy": {"minimumHealthCapacity": 1, "maximumOverCapacity": 1}}),
            "upgradeStrategy",
            "0 and 0",
        ),
        (json!({"upgradeStrategy": {"minimumHealthCapacity": 0}}), "upgradeStrategy", "0 and 0"),
        (json!({"tty": true}), "tty", "terminal"),
        (json!({"version": "2026-11-20T10:00:00.000Z", "tasksRunning": 1}), "version", "version, tasksRunning"),
        (json!({"uris": ["file:///etc/docker.tar.gz"]}), "fetch", "does not see it"),
        (json!({"healthChecks": [{"protocol": "TCP"}]}), "healthChecks", "maxConsecutiveFailures"),
        (json!({"container": {"type": "MESOS", "docker": {"image": "i"}}}), "container.type", "run by Docker"),
        (json!({"container": null}), "container", "no image"),
    ] {
        let app = load(with(change.clone())).unwrap();
        let told = app.warnings.iter().any(|warning| warning.field == field && warning.message.contains(words));
        assert!(told, "{change}: {:?}", app.warnings);
    }
    let mut bridged = old_networked("BRIDGE", json!([{"containerPort": 80}]));
    bridged["ports"] = json!([10000]);
    assert!(load(bridged).unwrap().warnings.iter().any(|warning| warning.field == "ports"));
}

#[test]
fn a_harmless_setting_gets_no_warning() {
    let app = with(json!({
        "instances": "1", "backoffSeconds": 600, "upgradeStrategy": {"minimumHealthCapacity": 0.0, "maximumOverCapacity": 0},
        "gpus": 0, "residency": null, "secrets": {}, "readinessChecks": [], "executor": "", "storeUrls": [], "tty": false,
        "uris": [], "fetch": [], "healthChecks": [], "ipAddress": null, "ports": [10000],
        "portDefinitions": [{"port": 10000, "protocol": "tcp", "labels": {}}], "labels": {"a": "b"}
    }));
    let file = load(app).unwrap();
    assert_eq!(file.warnings, []);
    for gone in ["gpus", "secrets", "executor", "storeUrls", "tty", "uris", "fetch", "ports"] {
        assert!(!file.app.contains_key(gone), "{gone}: would be refused or is of no account");
    }
    assert_eq!(file.app["portDefinitions"][0]["port"], 10000);
}

#[test]
fn the_window_for_the_deletion_is_never_cut_short() {
    for (change, backoff, longest) in [
        (json!({}), 300, None),
        (json!({"backoffSeconds": "10"}), 300, None),
        (json!({"backoffSeconds": 600}), 600, Some(600)),
        (json!({"backoffSeconds": 600, "maxLaunchDelaySeconds": 900}), 600, Some(900)),
        (json!({"maxLaunchDelaySeconds": 30}), 300, Some(300)),
    ] {
        let rewritten = rewritten(with(change.clone()));
        assert_eq!(rewritten["backoffSeconds"], backoff, "{change}");
        assert_eq!(rewritten.get("maxLaunchDelaySeconds"), longest.map(Value::from).as_ref(), "{change}");
    }
}

#[test]
fn the_grace_is_the_longer_of_the_apps_and_the_operators() {
    for (asked, version, submitted, effective, told) in [
        (None, (1, 4, 1), 60, "60", 0),
        (Some(90), (1, 4, 1), 90, "90", 0),
        (Some(10), (1, 4, 1), 60, "60", 1),
        // 1.1 ignores it: the agents kill after 3 s, and shell_trap must know.
        (Some(90), (1, 1, 1), 90, "3", 1),
    ] {
        let app = with(json!({"taskKillGracePeriodSeconds": asked}));
        let (major, minor, patch) = version;
        let version = MarathonVersion::new(major, minor, patch);
        let rewritten = rewritten_for(app.clone(), version);
        assert_eq!(rewritten["taskKillGracePeriodSeconds"], submitted);
        assert_eq!(rewritten["env"]["SHELL_TRAP_GRACE_SECONDS"], effective);
        let warnings = warnings(&load(app).unwrap(), &agent(), version);
        assert_eq!(warnings.len(), told, "{warnings:?}");
    }
}

#[test]
fn a_dry_run_shows_a_placeholder_for_the_token_and_every_warning() {
    let options = LaunchOptions::new(Arc::new(ManualClock::at(Timestamp::from_micros(0))));
    let app = with(json!({"instances": 2, "taskKillGracePeriodSeconds": 5}));
    let supervisor = "http://supervisor:30000".parse().unwrap();
    let (app, warnings) = dry_run_app(JobSource::Json(app), &supervisor, &agent(), &options).unwrap();
    assert_eq!(app["env"]["SHELL_TRAP_TOKEN"], "<callback-token>");
    assert_eq!(warnings.len(), 2, "{warnings:?}");
}
