//! Case III of the demo as its users run it, without Docker: a real process under a real limit, resized in place.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

#[path = "support/demo.rs"]
#[expect(dead_code, reason = "shared with the tests of the other cases")]
mod demo;
#[path = "support/long_running.rs"]
mod long_running;

use std::process::Command;
use std::sync::{Mutex, PoisonError};

use demo::Demo;
use long_running::check_case_three;

/// One demo at a time: each has most of this machine for its virtual CPUs.
static TURN: Mutex<()> = Mutex::new(());

/// No Docker, whatever this machine has.
fn without_docker() -> Demo {
    Demo::with(vec![("DOCKER_HOST", "unix:///no/such/docker.sock".to_owned())])
}

#[test]
fn without_docker_the_job_is_resized_in_place_all_witnesses_agree_and_the_reason_is_told() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let demo = without_docker();
    let output = demo.run_fast("40", &["--cases", "iii", "--policy", "step", "--json", "--keep"]);
    let result = check_case_three(&output, &demo.kept(), "in-place", "process");
    let long = &result["jobs"][0]["long_running"];
    assert!(long["why"].as_str().unwrap().contains("/no/such/docker.sock"), "{long}");
    assert!(long["resizes"].as_array().unwrap().iter().all(|resize| resize["lost_s"] == 0.0), "{long}");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("resized in place") && said.contains(" CPU progress "), "{said}");
    assert_eq!(demo.traces(), Vec::<String>::new());
}

#[test]
fn an_interrupt_leaves_no_process_and_no_file() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    without_docker().interrupt_at("/openmplinpack1 ", 1, &["--cases", "iii", "--json"]);
}

#[test]
fn a_way_to_resize_that_cannot_be_had_is_refused_with_its_reason() {
    let demo = without_docker();
    let reasons = ["--executor process", "/no/such/docker.sock", "/no/such/docker.sock"];
    let wishes: [&[&str]; 3] =
        [&["--rescale", "restart", "--executor", "process"], &["--rescale", "restart"], &["--executor", "docker"]];
    for (wish, reason) in wishes.iter().zip(reasons) {
        let output = demo.command(&[&["--cases", "iii"], *wish].concat()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0), "{wish:?}: {said}");
        assert!(said.contains(reason) && said.contains(wish[0]), "{wish:?}: {said}");
    }
    let output = demo.command(&["--rescale", "sideways"]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("\"restart\", \"in-place\""), "{said}");
    assert!(demo.is_empty(), "files are left");
}

#[test]
fn the_program_is_the_agent_when_its_file_is_called_so_and_nothing_else_makes_it_one() {
    let directory = tempfile::tempdir().unwrap();
    let named = |name: &str| {
        let file = directory.path().join(name);
        std::fs::copy(env!("CARGO_BIN_EXE_mesos-qos"), &file).unwrap();
        let output = Command::new(&file).arg("--version").output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(named("shell_trap").starts_with("shell_trap "));
    assert!(named("anything").starts_with("mesos-qos "));
    // A name that is only said is not the file's.
    let mut command = Command::new(env!("CARGO_BIN_EXE_mesos-qos"));
    std::os::unix::process::CommandExt::arg0(&mut command, "shell_trap");
    let output = command.arg("--version").output().unwrap();
    assert!(output.stdout.starts_with(b"mesos-qos "));
}
