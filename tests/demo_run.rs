//! The demo as its users run it: the built program, real processes under real limits.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use mesos_qos::events::store::{OfflineLog, ReadError, Replay, verify};
use mesos_qos::local::journal::{self, Entry};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

/// (name, iterations) as published.
const PUBLISHED: [(&str, u64); 6] = [
    ("openmpLinpack1", 4),
    ("openmpLinpack2", 4),
    ("openmpLinpack3", 13),
    ("openmpLinpack4", 11),
    ("openmpLinpack5", 12),
    ("openmpLinpack6", 14),
];

fn demo(temporary: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mesos-qos"));
    // All files of the demo are below this directory, so whatever names it belongs to the demo.
    command.arg("demo").args(arguments).env("TMPDIR", temporary).env("NO_COLOR", "1").stdin(Stdio::null());
    command
}

/// At speed 60, or the largest that this machine allows at the moment.
fn run_fast(temporary: &Path, arguments: &[&str]) -> Output {
    let at = |speed: &str| demo(temporary, &[&["--speed", speed], arguments].concat()).output().unwrap();
    let output = at("60");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    match said.split_once("the largest speed that works is ") {
        Some((_, rest)) => at(rest.split_whitespace().next().unwrap()),
        None => output,
    }
}

#[test]
fn case_one_completes_and_its_figures_are_the_kernels() {
    let temporary = tempfile::tempdir().unwrap();
    let output = run_fast(temporary.path(), &["--cases", "i", "--json", "--keep"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let result: Value = serde_json::from_slice(&output.stdout).unwrap();
    let jobs = result["jobs"].as_array().unwrap();
    assert_eq!((result["total"].as_u64(), jobs.len()), (Some(6), 6));
    let on_time = jobs.iter().filter(|job| job["on_time"].as_bool().unwrap()).count();
    assert_eq!(result["on_time"].as_u64(), Some(on_time as u64));

    let files = kept(temporary.path()).join("case-i");
    let (rescales, launches) = (rescales(&files), launches(&files));
    let (mut all_used, mut all_own) = (0.0, 0.0);
    for (job, (name, iterations)) in jobs.iter().zip(PUBLISHED) {
        let number = |key: &str| job[key].as_f64().unwrap_or_else(|| panic!("{key} of {job}"));
        assert_eq!((job["name"].as_str(), job["iterations"].as_u64()), (Some(name), Some(iterations)));
        assert_eq!(job["on_time"].as_bool().unwrap(), number("finished_s") <= number("deadline_s"), "{job}");
        assert_eq!(job["rescales"].as_u64(), Some(rescales[job["uuid"].as_str().unwrap()]), "{job}");
        assert_eq!(launches[name].len() as u64, iterations, "{name}: a launch for each iteration, and no other");
        let used = number("cpu_seconds_used");
        assert!(number("cpu_seconds_allocated") >= used && used > 0.0, "{job}");
        let own = own_core_seconds(&files, &launches[name]) / result["virtual_cpu_cores"].as_f64().unwrap();
        let wrapper = number("cpu_seconds_wrapper");
        assert!((used - own - wrapper).abs() < 0.1 * used, "{name}: {used} used, {own} + {wrapper} measured by itself");
        (all_used, all_own) = (all_used + used, all_own + own);
    }
    assert!((all_used - all_own).abs() < 0.1 * all_used, "{all_used} used, {all_own} measured by the programs");
    assert!(verify(&files.join("supervisor/events.db"), None).unwrap().is_whole());
    assert_eq!(traces(temporary.path()), Vec::<String>::new());
}

#[test]
fn an_interrupt_leaves_no_process_and_no_file() {
    let temporary = tempfile::tempdir().unwrap();
    let mut child = demo(temporary.path(), &["--speed", "15", "--json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("openmpLinpack6 0/14") {
        line.clear();
        assert!(said.read_line(&mut line).unwrap() > 0, "the demo ended before its jobs ran");
    }
    wait_for("six running jobs", || {
        let running = traces(temporary.path()).iter().filter(|trace| trace.contains("workload lu")).count();
        // Of each the shell around it and the program itself; the demo's own command line has neither.
        running >= 6
    });
    kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGINT).unwrap();
    let status = wait_at_most(&mut child, Duration::from_secs(30));
    assert_eq!(status, Some(130));
    let mut printed = String::new();
    child.stdout.take().unwrap().read_to_string(&mut printed).unwrap();
    assert_eq!(printed, "", "an interrupted demo has no result");
    assert_eq!(traces(temporary.path()), Vec::<String>::new());
    assert_eq!(std::fs::read_dir(temporary.path()).unwrap().count(), 0);
}

#[test]
fn what_is_not_there_is_refused() {
    let temporary = tempfile::tempdir().unwrap();
    for (arguments, word) in [
        (["--cases", "iii"], "comes with the Marathon supervisor"),
        (["--policy", "clairvoyant"], "expected"),
        (["--speed", "0"], "speed 0"),
        (["--chain", "--json"], "--chain"),
    ] {
        let output = demo(temporary.path(), &arguments).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
        assert!(said.contains(word), "{arguments:?}: {said}");
    }
    let output = demo(temporary.path(), &["--speed", "5000"]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("the largest speed that works is"), "{said}");
    assert_eq!(std::fs::read_dir(temporary.path()).unwrap().count(), 0);
}

fn kept(temporary: &Path) -> PathBuf {
    std::fs::read_dir(temporary).unwrap().next().unwrap().unwrap().path()
}

/// Applied resizes in the event log, by the job's uuid.
fn rescales(files: &Path) -> BTreeMap<String, u64> {
    let mut rescales = BTreeMap::new();
    let log = OfflineLog::open(&files.join("supervisor/events.db")).unwrap();
    log.for_each_event(Replay::Everything, |event| -> Result<(), ReadError> {
        let count: &mut u64 = rescales.entry(event.stream.to_string()).or_default();
        *count += u64::from(event.kind == "RescaleApplied");
        Ok(())
    })
    .unwrap();
    rescales
}

/// Launches in the cluster's journal, by the job's name.
fn launches(files: &Path) -> BTreeMap<String, Vec<u64>> {
    let mut launches: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for entry in journal::read(&files.join("cluster/journal.jsonl")).unwrap() {
        if let Entry::Launch { job, seq, .. } = entry {
            launches.entry(job).or_default().push(seq);
        }
    }
    launches
}

/// What the programs of these launches printed as their own CPU time.
fn own_core_seconds(files: &Path, launches: &[u64]) -> f64 {
    let figure = |seq: &u64| -> f64 {
        let printed = std::fs::read_to_string(files.join(format!("cluster/sandboxes/{seq}/stdout"))).unwrap();
        printed.split_whitespace().find_map(|word| word.strip_prefix("cpu_s=")).unwrap().parse().unwrap()
    };
    launches.iter().map(figure).sum()
}

/// Command lines of all living processes that name `directory` in their arguments or environment, or work in it.
fn traces(directory: &Path) -> Vec<String> {
    let directory = directory.to_str().unwrap();
    let mut traces = Vec::new();
    for process in procfs::process::all_processes().unwrap().flatten() {
        // A process may end while it is looked at.
        let arguments = process.cmdline().unwrap_or_default().join(" ");
        let environment = process.environ().unwrap_or_default();
        let names = |text: &std::ffi::OsStr| text.to_string_lossy().contains(directory);
        let works_there = process.cwd().is_ok_and(|cwd| names(cwd.as_os_str()));
        if arguments.contains(directory) || works_there || environment.values().any(|value| names(value)) {
            traces.push(arguments);
        }
    }
    traces
}

fn wait_for(what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < Duration::from_secs(60), "waited in vain for {what}");
        thread::sleep(Duration::from_millis(100));
    }
}

/// The exit code; none when the process had to be killed.
fn wait_at_most(child: &mut Child, limit: Duration) -> Option<i32> {
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code();
        }
        if start.elapsed() > limit {
            child.kill().unwrap();
            return None;
        }
        thread::sleep(Duration::from_millis(50));
    }
}
