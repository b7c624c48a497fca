//! What the program says about itself and the node.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::process::{Command, Output};

fn run(arguments: &[&str], env: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_shell_trap"));
    command.args(arguments).envs(env.iter().copied()).output().unwrap()
}

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn help_names_every_variable_that_is_read() {
    let help = out(&run(&["--help"], &[]));
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/src");
    let mut files = vec![std::path::PathBuf::from(source)];
    let mut read = std::collections::BTreeSet::new();
    while let Some(path) = files.pop() {
        if path.is_dir() {
            files.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let text = text.split("#[cfg(test)]").next().unwrap();
        read.extend(text.split('"').filter(|word| word.starts_with("SHELL_TRAP_")).map(str::to_owned));
    }
    // A prefix, what the agent tells its own runtime entry and that one CRIU's action, and how it knows its processes again.
    let inner =
        ["", "RESTORE", "OUTCOME", "CORES", "RESUME_CORES", "RESUME_OUTCOME", "JOB"].map(|n| format!("SHELL_TRAP_{n}"));
    let missing: Vec<_> = read
        .iter()
        .filter(|name| name.chars().all(|c| c.is_ascii_uppercase() || c == '_'))
        .filter(|name| !inner.contains(*name) && !help.contains(&format!("  {name} ")))
        .collect();
    assert!(missing.is_empty() && read.len() > 15, "not in --help: {missing:?}");
    let documented = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/shell-trap.md")).unwrap();
    let missing: Vec<_> =
        read.iter().filter(|n| help.contains(&format!("  {n} ")) && !documented.contains(&format!("`{n}`"))).collect();
    assert!(missing.is_empty(), "not in docs/shell-trap.md: {missing:?}");
}

#[test]
fn a_start_without_a_job_says_what_is_missing() {
    let output = Command::new(env!("CARGO_BIN_EXE_shell_trap")).env_remove("SHELL_TRAP_UUID").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("SHELL_TRAP_UUID is missing"));
    let output = run(&["only", "three", "words"], &[]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("seven arguments"));
}

#[test]
fn check_tells_what_a_node_lacks() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("none");
    let output = run(&["check"], &[("SHELL_TRAP_DOCKER_SOCKET", socket.to_str().unwrap())]);
    assert_eq!(output.status.code(), Some(1));
    let text = out(&output);
    let line = |name: &str| text.lines().find(|line| line.starts_with(name)).unwrap_or_default().to_owned();
    assert!(line("docker").contains("NO") && line("docker").contains(socket.to_str().unwrap()), "{text}");
    assert!(line("checkpoints").contains("processes only"), "{text}");
    assert!(!line("kernel").is_empty() && line("cgroups").contains("this process is in"), "{text}");
}

#[test]
fn a_certificate_file_that_is_missing_is_named() {
    let output = run(
        &[],
        &[
            ("SHELL_TRAP_UUID", "1b4e28ba2fa111d2883f0016d3cca427"),
            ("SHELL_TRAP_SPEC", r#"{"version":1,"args":["true"]}"#),
            ("SHELL_TRAP_SUPERVISOR", "https://127.0.0.1:1"),
            ("SHELL_TRAP_CACERT", "/no/such/file.pem"),
        ],
    );
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("/no/such/file.pem"));
}
