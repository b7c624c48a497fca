//! The demo as its users run it: the built program, real processes under real limits.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

#[path = "support/demo.rs"]
mod demo;

use demo::{Demo, check_case_one, check_verdict};

#[test]
fn case_one_completes_its_figures_are_the_kernels_and_strictly_it_succeeds_when_all_are_on_time() {
    let demo = Demo::with(Vec::new());
    let output = demo.run_fast("60", &["--cases", "i", "--json", "--keep", "--strict"]);
    let result = check_case_one(&output, &demo.kept());
    check_verdict(&output, &result, true);
    assert_eq!(demo.traces(), Vec::<String>::new());
}

#[test]
fn an_interrupt_leaves_no_process_and_no_file() {
    Demo::with(Vec::new()).run_and_interrupt(&["--speed", "15", "--json"]);
}

#[test]
fn what_is_not_there_is_refused() {
    let demo = Demo::with(Vec::new());
    for (arguments, word) in [
        (["--cases", "iv"], "i, ii and iii"),
        (["--policy", "clairvoyant"], "expected"),
        (["--speed", "0"], "speed 0"),
        (["--chain=maybe", "--json"], "--chain"),
        (["--compare", "--no-chain"], "--compare"),
    ] {
        let output = demo.command(&arguments).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
        assert!(said.contains(word), "{arguments:?}: {said}");
    }
    let output = demo.command(&["--speed", "5000"]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("the largest speed that works is"), "{said}");
    assert!(demo.is_empty(), "files are left");
}
