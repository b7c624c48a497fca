//! PyPI's chronos-python drives `mesos-qos local`, in both API versions.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod third_party_support;

fn drive(version: &str) {
    let options = ["--nodes", "1", "--chronos-version", version];
    third_party_support::drive("chronos_python.py", "chronos.json", version, &options);
}

#[test]
fn chronos_python_passes_against_2_4() {
    drive("2.4");
}

#[test]
fn chronos_python_passes_against_3_0() {
    drive("3.0");
}
