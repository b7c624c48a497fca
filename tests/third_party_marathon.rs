//! PyPI's marathon drives `mesos-qos local`, in all API versions.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod third_party_support;

fn drive(version: &str) {
    let options = ["--nodes", "2", "--cpus", "4", "--marathon-version", version];
    third_party_support::drive("marathon_python.py", "marathon.json", version, &options);
}

#[test]
fn the_marathon_client_passes_against_1_1() {
    drive("1.1");
}

#[test]
fn the_marathon_client_passes_against_1_4() {
    drive("1.4");
}

#[test]
fn the_marathon_client_passes_against_1_5() {
    drive("1.5");
}
