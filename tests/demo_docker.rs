//! The demo with containers of a real daemon. Needs root; a private daemon is started.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

#[path = "support/demo.rs"]
mod demo;
#[path = "support/docker.rs"]
mod docker;

use demo::{Demo, check_case_one, check_verdict};
use docker::Daemon;

/// One daemon for all of it: starting and stopping one takes seconds.
#[test]
fn case_one_completes_in_containers_and_neither_its_end_nor_an_interrupt_leaves_one() {
    let daemon = Daemon::start();
    let demo = || Demo::with(vec![("DOCKER_HOST", daemon.host.clone())]);
    let left = || daemon.docker(&["ps", "-aq", "--format", "{{.Names}} {{.Status}} {{.Command}}"]);

    demo().run_and_interrupt(&["--executor", "docker", "--speed", "15", "--json"]);
    assert_eq!(left(), "", "an interrupt leaves no container");

    let complete = demo();
    let arguments = ["--executor", "docker", "--cases", "i", "--json", "--keep"];
    let output = complete.run_fast("40", &arguments);
    let result = check_case_one(&output, &complete.kept());
    assert_eq!(result["executor"], "docker");
    // How many were late is the machine's affair: it is no failure unless --strict asks.
    check_verdict(&output, &result, false);
    assert_eq!(left(), "", "a complete run leaves no container");
    assert_eq!(complete.traces(), Vec::<String>::new());
    let images = daemon.docker(&["images", "--format", "{{.Repository}}:{{.Tag}}"]);
    assert_eq!(images, "mesos-qos-demo:latest", "one image, made once");
}

#[test]
fn a_daemon_that_is_not_there_is_named_and_nothing_is_left() {
    let demo = Demo::with(vec![("DOCKER_HOST", "unix:///no/such/docker.sock".to_owned())]);
    let output = demo.command(&["--executor", "docker", "--json"]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0), "{said}");
    assert!(said.contains("--executor docker") && said.contains("/no/such/docker.sock"), "{said}");
    assert!(demo.is_empty(), "files are left");
}
