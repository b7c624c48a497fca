//! `mesos-qos simulate` on the command line.

use std::path::Path;

use assert_cmd::Command;
use serde_json::Value;

fn simulate(arguments: &[&str]) -> Command {
    let mut command = Command::cargo_bin("mesos-qos").unwrap();
    command.arg("simulate").args(arguments);
    command
}

fn document(arguments: &[&str]) -> Value {
    let output = simulate(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn the_json_document_has_a_result_for_each_case_and_policy() {
    let arguments =
        ["--cases", "i,iii", "--seeds", "3", "--policy", "step", "--policy", "step:cpu_increment=0.2", "--json"];
    let document = document(&arguments);
    let results = document["results"].as_array().unwrap();
    let named: Vec<_> = results.iter().map(|r| (r["case"].as_str().unwrap(), r["policy"].as_str().unwrap())).collect();
    let small = "step:cpu_increment=0.2";
    assert_eq!(named, [("i", "step"), ("i", small), ("iii", "step"), ("iii", small)]);
    for name in ["seeds", "jobs", "on_time_mean", "all_on_time", "cpu_seconds_mean", "rescales_mean", "lateness_p95_s"]
    {
        assert!(results.iter().all(|result| result[name].is_number()), "{name}");
    }
    assert_eq!(document["differences"].as_array().unwrap().len(), 2);
}

#[test]
fn settings_and_options_reach_the_rules_and_the_model() {
    let mean = |arguments: &[&str]| {
        let all: Vec<&str> = ["--seeds", "4", "--json"].iter().chain(arguments).copied().collect();
        document(&all)["results"][0].clone()
    };
    let plain = mean(&[]);
    // No job may get more than it was submitted with, so none is resized upwards.
    let small = mean(&["--set", "cpu_max_slave=1.0"]);
    assert!(small["cpu_seconds_mean"].as_f64() < plain["cpu_seconds_mean"].as_f64());
    assert!(
        mean(&["--deadline", "4000", "--limits", "soft"])["on_time_mean"].as_f64() > plain["on_time_mean"].as_f64()
    );
    assert_eq!(mean(&["--deadline", "100"])["on_time_mean"], 0.0);
}

#[test]
fn the_bound_stands_beside_the_policies_and_other_worlds_under_their_names() {
    let document = document(&["--seeds", "2", "--policy", "step", "--perturbed", "--bound", "--json"]);
    let results = document["results"].as_array().unwrap();
    assert_eq!(results.len(), 22);
    assert_eq!(results[1]["policy"], "bound: each alone on 2 CPU");
    assert!(results.iter().any(|result| result["world"] == "4 nodes"));
}

#[test]
fn what_makes_no_sense_is_refused_with_a_reason() {
    for (arguments, reason) in [
        (vec!["--gap", "45-30"], "--gap"),
        (vec!["--gap", "45"], "30-45"),
        (vec!["--cases", "iv"], "i, ii and iii"),
        (vec!["--policy", "guess"], "step"),
        (vec!["--set", "cpu_increment"], "KEY=VALUE"),
        (vec!["--set", "cpu_increments=1"], "CPU_INCREMENT"),
        (vec!["--cpus", "3"], "--cpus"),
        (vec!["--cases", "i,ii", "--database", "x.db"], "one experiment"),
    ] {
        let output = simulate(&arguments).arg("--seeds=1").output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains(reason), "{arguments:?}: {said}");
    }
}

#[test]
fn the_events_of_a_run_are_a_log_that_verifies_and_that_is_the_same_again() {
    let dir = tempfile::tempdir().unwrap();
    let head = |path: &Path| {
        simulate(&["--seeds", "1", "--cases", "ii", "--database", path.to_str().unwrap()]).assert().success();
        let mut verify = Command::cargo_bin("mesos-qos").unwrap();
        let output = verify.args(["log", "verify", "--log"]).arg(path).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let first = head(&dir.path().join("a.db"));
    assert!(first.contains("the chain is whole"), "{first}");
    assert_eq!(first, head(&dir.path().join("b.db")));
    let twice = simulate(&["--seeds", "1", "--database", dir.path().join("a.db").to_str().unwrap()]).output().unwrap();
    assert!(!twice.status.success(), "an existing file is not overwritten");
}

#[test]
fn the_published_figures_are_drawn_for_every_job() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("out.svg");
    let file = path.to_str().unwrap();
    simulate(&["--seeds", "1", "--policy", "step", "--cases", "i,iii", "--plot", file]).assert().success();
    let svg = std::fs::read_to_string(&path).unwrap();
    assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"));
    for text in ["openmpLinpack1", "openmpLinpack6", "/openmplinpack1", "prediction minus deadline", "progress ratio"] {
        assert!(svg.contains(text), "{text}");
    }
    simulate(&["--seeds", "1", "--policy", "step", "--policy", "step:cpu_increment=1", "--plot", file])
        .assert()
        .success();
    assert!(dir.path().join("out-step.svg").exists() && dir.path().join("out-step-cpu-increment-1.svg").exists());
}
