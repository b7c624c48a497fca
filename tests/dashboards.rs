//! `dashboards/`: Grafana takes them as they are, and they ask for nothing that is not there.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

#[path = "api/helpers.rs"]
#[allow(dead_code, reason = "shared with the API tests, which use more of it")]
mod helpers;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use helpers::{TestApp, on_actix, write_credentials};
use mesos_qos::api::view::JobView;
use mesos_qos::http::metrics_text::{Format, Metrics, Requests};
use mesos_qos::openstack::measurements;
use regex_lite::Regex;
use serde_json::{Value, json};

const PROMETHEUS: &str = "prometheus";
const MONASCA: &str = "monasca-datasource";

/// Panels that Grafana has without plugins.
const PANELS: [&str; 3] = ["row", "stat", "timeseries"];

/// Columns of Grafana's grid.
const COLUMNS: u64 = 24;

/// The dashboards, with the data source that each is for.
fn dashboards() -> Vec<(String, Value)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("dashboards");
    let mut found: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    found.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    found.sort();
    assert_eq!(found.len(), 2, "{found:?}");
    let read = |path: &Path| serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    found.iter().map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), read(path))).collect()
}

fn of_kind(kind: &str) -> Value {
    let query = |board: &Value| board["templating"]["list"][0]["query"].clone();
    let (_, board) = dashboards().into_iter().find(|(_, board)| query(board) == kind).unwrap();
    board
}

fn panels(board: &Value) -> &Vec<Value> {
    board["panels"].as_array().unwrap()
}

fn targets(board: &Value) -> Vec<&Value> {
    panels(board).iter().filter(|panel| panel["type"] != "row").flat_map(|p| p["targets"].as_array().unwrap()).collect()
}

#[test]
fn they_can_be_imported_as_they_are() {
    let mut uids = BTreeSet::new();
    for (file, board) in dashboards() {
        assert_eq!(board["id"], Value::Null, "{file}: Grafana gives the id");
        let uid = board["uid"].as_str().unwrap();
        assert!((1..=40).contains(&uid.len()) && uids.insert(uid.to_owned()), "{file}: {uid}");
        assert!(
            !board["title"].as_str().unwrap().is_empty() && board["schemaVersion"].as_u64().unwrap() >= 36,
            "{file}"
        );
        // These would ask for something at the import.
        assert!(board.get("__inputs").is_none() && board.get("__requires").is_none(), "{file}");
        let first = &board["templating"]["list"][0];
        assert_eq!((&first["name"], &first["type"]), (&json!("datasource"), &json!("datasource")), "{file}");
        let kind = &first["query"];
        assert!(*kind == PROMETHEUS || *kind == MONASCA, "{file}: {kind}");
        let source = json!({"type": kind, "uid": "${datasource}"});
        let variables: Vec<&Value> = board["templating"]["list"].as_array().unwrap().iter().skip(1).collect();
        for asking in
            panels(&board).iter().filter(|panel| panel["type"] != "row").chain(variables).chain(targets(&board))
        {
            assert_eq!(asking["datasource"], source, "{file}: {asking}");
        }
    }
}

#[test]
fn every_panel_has_its_place_and_every_variable_is_there() {
    let variable = Regex::new(r"\$\{?([a-z_]+)").unwrap();
    for (file, board) in dashboards() {
        let mut ids = BTreeSet::new();
        let mut taken = BTreeSet::new();
        let known: BTreeSet<&str> =
            board["templating"]["list"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
        for panel in panels(&board) {
            let title = panel["title"].as_str().unwrap();
            assert!(ids.insert(panel["id"].as_u64().unwrap()) && !title.is_empty(), "{file}: {panel}");
            assert!(PANELS.contains(&panel["type"].as_str().unwrap()), "{file}: {title}: {}", panel["type"]);
            let place = |key: &str| panel["gridPos"][key].as_u64().unwrap();
            assert!(place("w") >= 1 && place("h") >= 1 && place("x") + place("w") <= COLUMNS, "{file}: {title}");
            for x in place("x")..place("x") + place("w") {
                for y in place("y")..place("y") + place("h") {
                    assert!(taken.insert((x, y)), "{file}: {title} lies on another panel");
                }
            }
            for found in variable.captures_iter(&panel.to_string()) {
                // Grafana's own begin with two underscores.
                assert!(found[1].starts_with("__") || known.contains(&found[1]), "{file}: {title}: ${}", &found[1]);
            }
            if panel["type"] == "row" {
                continue;
            }
            let references: BTreeSet<&str> =
                panel["targets"].as_array().unwrap().iter().map(|target| target["refId"].as_str().unwrap()).collect();
            assert!(!references.is_empty(), "{file}: {title} shows nothing");
            assert_eq!(references.len(), panel["targets"].as_array().unwrap().len(), "{file}: {title}");
            let steps = panel["fieldConfig"]["defaults"]["thresholds"]["steps"].as_array().unwrap();
            assert!(steps[0]["value"].is_null(), "{file}: {title}: the first region begins nowhere");
            let limits: Vec<f64> = steps[1..].iter().map(|step| step["value"].as_f64().unwrap()).collect();
            assert!(limits.is_sorted(), "{file}: {title}: {limits:?}");
        }
    }
}

/// A job that has every figure there is.
fn full() -> JobView {
    let at = "2017-07-14T02:40:00Z";
    serde_json::from_value(json!({"uuid": "6c4a7f0e-22f5-4a3e-9e39-0d5f5e7f9a11", "name": "a", "framework": "chronos",
        "state": "running", "performance": "ON_PLAN", "qos": {"duration": 1.0, "deadline": 1.0, "desv_deadline": 0.2},
        "registered_at": at, "deadline_at": at, "iterations": 13, "remaining": 9, "cpus": 1.4, "cpus_submitted": 1.0,
        "prediction": at, "upper": at, "lower": at, "admission": null, "last_finished_at": at, "last_duration_seconds": 1.0,
        "progress_ratio": 1.0, "cpu_limit": 1.0, "cpu_seconds": 1.0, "cpu_seconds_due": 1.0, "cpu_seconds_wasted": 1.0,
        "surplus_runs": 1, "failures_in_row": 0, "flags": [], "policy": "step", "rescales": 1, "version": 17}))
    .unwrap()
}

/// The names of all samples in a scrape.
fn names(scrape: &str) -> impl Iterator<Item = String> {
    let lines = scrape.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| line.split(['{', ' ']).next().unwrap().to_owned())
}

/// Every name that `/metrics` can have: of a supervisor with everything, and of a job with everything.
async fn all_names() -> BTreeSet<String> {
    let data = Arc::new(tempfile::tempdir().unwrap());
    let nobody = "http://127.0.0.1:9";
    let openstack = write_credentials(data.path(), "openstack.json", nobody);
    let content = json!({"keystone_url": nobody, "monasca_client_url": nobody, "username": "u", "password": "p",
        "project_name": "p"});
    std::fs::write(&openstack, content.to_string()).unwrap();
    let settings = [
        ("supervisor", "credentials_openstack", openstack.to_str().unwrap()),
        ("cpu_source", "kind", "mesos"),
        ("cpu_source", "url", nobody),
    ];
    let app = TestApp::start_in(data, &settings).await;
    // The first one counts itself for the second.
    app.get("/metrics").await;
    let (_, scrape) = app.get("/metrics").await;
    let of_a_job = Metrics::new(&Requests::default(), |_| {}).render(&[full()], Format::Plain).unwrap();
    let all = names(scrape.as_str().unwrap()).chain(names(&of_a_job)).collect();
    app.stop().await;
    all
}

#[test]
fn every_metric_of_the_dashboard_for_prometheus_is_one_of_the_supervisor() {
    on_actix(async {
        let known = all_names().await;
        let name = Regex::new(r"mesos_qos_[a-z_]+").unwrap();
        let board = of_kind(PROMETHEUS);
        let variables = board["templating"].to_string();
        let asked: Vec<&str> = targets(&board).into_iter().map(|target| target["expr"].as_str().unwrap()).collect();
        assert!(asked.iter().all(|expression| name.is_match(expression)), "{asked:?}");
        for expression in asked.into_iter().chain([variables.as_str()]) {
            for found in name.find_iter(expression) {
                assert!(known.contains(found.as_str()), "{} in {expression} is not in {known:?}", found.as_str());
            }
        }
    });
}

#[test]
fn every_metric_of_the_dashboard_for_monasca_is_sent_to_it_and_none_is_left_out() {
    let board = of_kind(MONASCA);
    let shown: BTreeSet<&str> = targets(&board).into_iter().map(|target| target["metric"].as_str().unwrap()).collect();
    assert_eq!(shown, measurements::NAMES.into_iter().collect());
    for target in targets(&board) {
        // What the plugin leaves out without a word.
        assert!(target["period"].as_str().is_some_and(|period| !period.is_empty()), "{target}");
        assert_eq!(target["error"], "", "{target}");
        for dimension in target["dimensions"].as_array().unwrap() {
            let key = dimension["key"].as_str().unwrap();
            assert!(["jobname", "framework", "uuid"].contains(&key), "{target}");
        }
    }
}

#[test]
fn the_regions_are_those_of_each_job_and_no_fixed_numbers() {
    for (kind, name) in [(PROMETHEUS, "expr"), (MONASCA, "metric")] {
        let board = of_kind(kind);
        let asks = |panel: &Value, wanted: &str| {
            let targets = panel["targets"].as_array().into_iter().flatten();
            targets.filter_map(|target| target[name].as_str()).any(|asked| asked.contains(wanted))
        };
        let predictions: Vec<&Value> = panels(&board)
            .iter()
            .filter(|panel| asks(panel, "prediction_vs_deadline") && panel["type"] != "stat")
            .collect();
        assert!(!predictions.is_empty(), "{kind}");
        for panel in predictions {
            assert!(asks(panel, "upper_bound_vs_deadline") && asks(panel, "lower_bound_vs_deadline"), "{panel}");
            let steps = panel["fieldConfig"]["defaults"]["thresholds"]["steps"].as_array().unwrap();
            // The deadline itself is the same line for all.
            assert!(steps[1..].iter().all(|step| step["value"] == 0), "{steps:?}");
            assert_eq!(panel["repeat"], "job", "the bounds of one job are no other's");
        }
    }
}
