//! What must be true of each run of case III.

use std::path::Path;
use std::process::Output;

use mesos_qos::events::store::{OfflineLog, ReadError, Replay};
use mesos_qos::local::journal::{self, Entry};
use serde_json::Value;

/// How far the CPU time in the supervisor's log may be from the program's own; more than the start of a program, in core-seconds.
const TOLERANCE: f64 = 0.02;
const SLACK: f64 = 0.03;

/// The document of a completed run of case III with `--json`, whose files are in `kept`: all that is promised is there, and each
/// figure is what the log, the journal and the program say. `rescale` and `runtime` are what it had to be run with.
pub fn check_case_three(output: &Output, kept: &Path, rescale: &str, runtime: &str) -> Value {
    let said = String::from_utf8_lossy(&output.stderr);
    let result: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {said}"));
    assert_eq!(output.status.code(), Some(0), "{said}");
    let [job] = result["jobs"].as_array().unwrap().as_slice() else { panic!("{result}") };
    let long = &job["long_running"];
    assert_eq!((job["name"].as_str(), job["state"].as_str()), (Some("/openmplinpack1"), Some("completed")), "{job}");
    assert_eq!(job["problems"], Value::Array(Vec::new()), "{job}");
    assert_eq!((long["rescale"].as_str(), long["runtime"].as_str()), (Some(rescale), Some(runtime)), "{long}");
    let number = |value: &Value| value.as_f64().unwrap_or_else(|| panic!("a number is missing: {job}"));
    assert_eq!(job["on_time"].as_bool().unwrap(), number(&job["finished_s"]) <= number(&job["deadline_s"]), "{job}");

    let files = kept.join("case-iii");
    crate::demo::check_log(&files.join("supervisor/events.db"));
    let events = events(&files);
    let of = |kind: &'static str| events.iter().filter(move |(name, _)| name == kind).map(|(_, data)| data);
    let applied: Vec<u64> = of("RescaleApplied").map(|data| data["cpus"].as_u64().unwrap()).collect();
    let decided: Vec<(f64, u64, u64)> = of("ProgressDecided").map(decision).collect();
    let changed: Vec<u64> = decided.iter().filter(|(_, from, to)| from != to).map(|(_, _, to)| *to).collect();
    // The last one may come when the job is about to end.
    assert!(applied == changed || applied == changed[..changed.len() - 1], "{applied:?}: {events:?}");
    for (ratio, from, to) in &decided {
        // The published rule with a smaller step down; the job has 1 CPU for its own in place, and no step leads to another bound.
        let most = if rescale == "in-place" { 1000 } else { 2000 };
        let wanted = match ratio {
            ratio if *ratio > 1.1 => from.saturating_sub(100).max(100),
            ratio if *ratio < 0.9 => (from + 400).min(most),
            _ => *from,
        };
        // What has used all that it declared keeps what it has.
        assert!(
            *to == wanted || to == from && long_enough(&events),
            "{ratio}: {from} -> {to}, not {wanted}: {events:?}"
        );
    }
    // With one CPU it is ahead of its plan from the beginning, unless this machine has not given it that.
    assert!(decided[0].0 <= 1.1 || applied.first() == Some(&900), "{events:?}");
    assert_eq!(job["rescales"].as_u64(), Some(applied.len() as u64), "{job}");
    let (segments, launches) = (of("SegmentStarted").count(), launches(&files));
    assert_eq!(launches.len(), segments, "{events:?}");
    let wanted = if rescale == "restart" { 1 + applied.len() } else { 1 };
    assert_eq!(segments, wanted, "{events:?}");

    crate::demo::arrival::check_arrival(&result["cases"][0], &files);

    let factor = number(&result["virtual_cpu_cores"]);
    let log: f64 = of("SegmentEnded").map(|data| data["cpu"].as_f64().unwrap() / 1e6 * factor).sum();
    let own = own_core_seconds(&files, *launches.last().unwrap());
    let apart = |a: f64, b: f64| (a - b).abs() > TOLERANCE * a.max(b) + SLACK;
    assert!(!apart(log, own), "{log} core-seconds in the log, {own} by the program itself");
    assert!((number(&long["cpu_seconds_supervised"]) * factor - log).abs() < 0.01, "{long}");
    let kernel = number(&long["cpu_seconds_kernel"]) * factor;
    assert!(kernel > log * (1.0 - TOLERANCE) - SLACK, "{kernel} by the kernel, {log} in the log");
    if rescale == "in-place" {
        assert!(!apart(kernel, log), "{kernel} by the kernel, {log} in the log");
    }
    result
}

/// Ratio, CPU before and after.
fn decision(data: &Value) -> (f64, u64, u64) {
    let milli = |name: &str| data[name].as_u64().unwrap();
    (data["ratio_millionths"].as_f64().unwrap() / 1e6, milli("from"), milli("to"))
}

/// The job has used as much CPU time as it declared before its end.
fn long_enough(events: &[(String, Value)]) -> bool {
    let declared = &events.iter().find(|(kind, _)| kind == "Registered").unwrap().1["declared"]["duration"];
    let used = |data: &Value| data["inputs"]["cpu_current"].as_i64() >= declared.as_i64();
    events.iter().any(|(kind, data)| kind == "ProgressDecided" && used(data))
}

/// Names and data of all events.
fn events(files: &Path) -> Vec<(String, Value)> {
    let mut events = Vec::new();
    let log = OfflineLog::open(&files.join("supervisor/events.db")).unwrap();
    log.for_each_event(Replay::Everything, |event| -> Result<(), ReadError> {
        events.push((event.kind.to_string(), serde_json::from_slice(&event.data).unwrap()));
        Ok(())
    })
    .unwrap();
    events
}

/// Places of the launches in the cluster's journal.
fn launches(files: &Path) -> Vec<u64> {
    let entries = journal::read(&files.join("cluster/journal.jsonl")).unwrap();
    entries.iter().filter_map(|entry| if let Entry::Launch { seq, .. } = entry { Some(*seq) } else { None }).collect()
}

/// What the program printed as its own CPU time, over all checkpoints.
fn own_core_seconds(files: &Path, launch: u64) -> f64 {
    let printed = std::fs::read_to_string(files.join(format!("cluster/sandboxes/{launch}/stdout"))).unwrap();
    printed.split_whitespace().find_map(|word| word.strip_prefix("cpu_s=")).unwrap().parse().unwrap()
}
