//! Runs of the demo as its users start it, and what must be true of each.

#[path = "arrival.rs"]
pub mod arrival;

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use mesos_qos::cli::replay::check::recompute;
use mesos_qos::events::source::LogSource;
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
/// A machine whose load changes may refuse the speed that it has just named.
const ATTEMPTS: usize = 4;

/// A place for runs of the demo.
pub struct Demo {
    /// All files of the demo are below this directory, so whatever names it belongs to the demo.
    temporary: tempfile::TempDir,
    variables: Vec<(&'static str, String)>,
}

impl Demo {
    /// With these environment variables in addition to the test's own.
    pub fn with(variables: Vec<(&'static str, String)>) -> Self {
        Demo { temporary: tempfile::tempdir().unwrap(), variables }
    }

    /// The demo with these arguments.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mesos-qos"));
        command.arg("demo").args(arguments).env("TMPDIR", self.temporary.path()).env("NO_COLOR", "1");
        command.envs(self.variables.iter().map(|(name, value)| (name, value))).stdin(Stdio::null());
        command
    }

    /// At this speed, or nearly the largest that this machine allows at the moment.
    pub fn run_fast(&self, speed: &str, arguments: &[&str]) -> Output {
        let mut speed = speed.to_owned();
        for _ in 0..ATTEMPTS {
            let output = self.command(&[&["--speed", &speed], arguments].concat()).output().unwrap();
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            match said.split_once("the largest speed that works is ") {
                Some((_, rest)) => {
                    let largest: f64 = rest.split_whitespace().next().unwrap().parse().unwrap();
                    // It may have become slower again by the next attempt.
                    speed = (largest * 0.9).to_string();
                    // With --keep the refused run has left its directory, too.
                    for left in std::fs::read_dir(self.temporary.path()).unwrap() {
                        std::fs::remove_dir_all(left.unwrap().path()).unwrap();
                    }
                }
                None => return output,
            }
        }
        panic!("this machine refuses the speed that it has named itself, {ATTEMPTS} times");
    }

    /// Runs the demo until its six jobs run, a process of each being seen, and interrupts it as Ctrl-C does. Nothing of it must be
    /// left then.
    pub fn run_and_interrupt(&self, arguments: &[&str]) {
        self.interrupt_at("openmpLinpack6 0/14", 6, arguments);
    }

    /// The same, when it has said `line` and so many programs run.
    pub fn interrupt_at(&self, line: &str, programs: usize, arguments: &[&str]) {
        let mut child = self.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut said = BufReader::new(child.stderr.take().unwrap());
        let mut last = String::new();
        while !last.contains(line) {
            let before = std::mem::take(&mut last);
            assert!(
                said.read_line(&mut last).unwrap() > 0,
                "the demo ended before its jobs ran; it said last: {before}"
            );
        }
        wait_for("running jobs", || {
            // Of each the shell around it and the program itself; the demo's own command line has neither.
            self.traces().iter().filter(|trace| trace.contains("workload lu")).count() >= programs
        });
        kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGINT).unwrap();
        let status = wait_at_most(&mut child, Duration::from_secs(60));
        assert_eq!(status, Some(130));
        let mut printed = String::new();
        child.stdout.take().unwrap().read_to_string(&mut printed).unwrap();
        assert_eq!(printed, "", "an interrupted demo has no result");
        assert_eq!(self.traces(), Vec::<String>::new());
        assert!(self.is_empty(), "files are left");
    }

    /// Whether no run has left a file.
    pub fn is_empty(&self) -> bool {
        std::fs::read_dir(self.temporary.path()).unwrap().count() == 0
    }

    /// Where a run with `--keep` has left its files.
    pub fn kept(&self) -> PathBuf {
        std::fs::read_dir(self.temporary.path()).unwrap().next().unwrap().unwrap().path()
    }

    /// Command lines of all living processes that name the demo's directory in their arguments or environment, or work in it.
    pub fn traces(&self) -> Vec<String> {
        let directory = self.temporary.path().to_str().unwrap();
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
}

/// The document of a completed run of case I with `--json`, whose files are in `kept`: all that is promised is there, and each
/// figure is what the log, the journal, the kernel and the programs say.
pub fn check_case_one(output: &Output, kept: &Path) -> Value {
    let said = String::from_utf8_lossy(&output.stderr);
    let result: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {said}"));
    let jobs = result["jobs"].as_array().unwrap();
    assert_eq!((result["total"].as_u64(), jobs.len()), (Some(6), 6));
    let on_time = jobs.iter().filter(|job| job["on_time"].as_bool().unwrap()).count();
    assert_eq!(result["on_time"].as_u64(), Some(on_time as u64));

    let files = kept.join("case-i");
    let (rescales, launches) = (rescales(&files), launches(&files));
    let (mut all_used, mut all_own) = (0.0, 0.0);
    for (job, (name, iterations)) in jobs.iter().zip(PUBLISHED) {
        let number = |key: &str| job[key].as_f64().unwrap_or_else(|| panic!("{key} of {job}"));
        assert_eq!((job["name"].as_str(), job["iterations"].as_u64()), (Some(name), Some(iterations)));
        assert_eq!(job["state"], "completed", "{job}");
        assert_eq!(job["problems"], Value::Array(Vec::new()), "{name}");
        assert_eq!(job["on_time"].as_bool().unwrap(), number("finished_s") <= number("deadline_s"), "{job}");
        assert_eq!(job["rescales"].as_u64(), Some(rescales[job["uuid"].as_str().unwrap()]), "{job}");
        let tasks = launches[name].len() as u64;
        match result["chain"].as_bool().unwrap() {
            true => assert!((1..=iterations).contains(&tasks), "{name}: {tasks} tasks for {iterations} iterations"),
            false => assert_eq!(tasks, iterations, "{name}: a launch for each iteration, and no other"),
        }
        let used = number("cpu_seconds_used");
        // Under agents a task is held to its node, and its job to the limit that its agent has set.
        let is_held = result["in_place"] == true || number("cpu_seconds_allocated") >= used;
        assert!(is_held && used > 0.0, "{job}");
        let own = own_core_seconds(&files, &launches[name]);
        assert_eq!(own.len() as u64, iterations, "{name}: a result for each iteration, and no other");
        let own = own.iter().sum::<f64>() / result["virtual_cpu_cores"].as_f64().unwrap();
        let wrapper = number("cpu_seconds_wrapper");
        assert!((used - own - wrapper).abs() < 0.1 * used, "{name}: {used} used, {own} + {wrapper} measured by itself");
        (all_used, all_own) = (all_used + used, all_own + own);
    }
    // Six agents look at their jobs ten times a second.
    let around = if result["in_place"] == true { 0.2 } else { 0.1 };
    assert!((all_used - all_own).abs() < around * all_used, "{all_used} used, {all_own} measured by the programs");
    check_log(&files.join("supervisor/events.db"));
    arrival::check_arrival(&result["cases"][0], &files);
    result
}

/// The log is whole, and what was decided follows from it.
pub fn check_log(log: &Path) {
    assert!(verify(log, None).unwrap().is_whole());
    let again = recompute(&LogSource::open(log).unwrap(), None).unwrap();
    assert!(again.is_the_same() && again.decisions > 0, "what was decided does not follow from the log: {again:#?}");
}

/// A run fails when one of its feasible jobs was late, if it was to be `strict`, and only then; each such job is named.
pub fn check_verdict(output: &Output, result: &Value, strict: bool) {
    let said = String::from_utf8_lossy(&output.stderr);
    let told: Vec<&str> = said.lines().filter(|line| line.starts_with("error: ")).collect();
    let jobs = result["jobs"].as_array().unwrap().iter();
    let late = jobs.filter(|job| strict && job["admission"] != "infeasible" && job["on_time"] == false);
    let late: Vec<&str> = late.map(|job| job["name"].as_str().unwrap()).collect();
    assert_eq!(output.status.code(), Some(i32::from(!late.is_empty())), "late: {late:?}\n{said}");
    assert_eq!(told.len(), late.len(), "late: {late:?}; told: {told:?}");
    for (name, told) in late.iter().zip(told) {
        let is_clear = told.starts_with(&format!("error: case i, {name}: ")) && told.contains(" s late, done at ");
        assert!(is_clear && told.ends_with("(--strict)"), "{name}: {told}");
    }
}

/// Changes of CPU in the event log, by the job's uuid: applied resizes to another CPU than the one that the job had.
fn rescales(files: &Path) -> BTreeMap<String, u64> {
    let mut rescales = BTreeMap::new();
    // What the framework has, and what an agent has set in place of it while a task of its job runs.
    let (mut reserved, mut limits): (BTreeMap<String, Value>, BTreeMap<String, Value>) = Default::default();
    let log = OfflineLog::open(&files.join("supervisor/events.db")).unwrap();
    log.for_each_event(Replay::Everything, |event| -> Result<(), ReadError> {
        let job = event.stream.to_string();
        let count: &mut u64 = rescales.entry(job.clone()).or_default();
        let data: Value = serde_json::from_slice(&event.data).unwrap();
        match &*event.kind {
            "SegmentStarted" => drop(limits.insert(job, data["limit"].clone())),
            "ChainAnswered" if data["next"] == "exit" => drop(limits.remove(&job)),
            "SegmentEnded" => drop(limits.remove(&job)),
            "RescaleApplied" | "Registered" => {
                let present = if limits.contains_key(&job) { &mut limits } else { &mut reserved };
                let before = present.insert(job, data["cpus"].clone());
                *count += u64::from(before.is_some_and(|before| before != data["cpus"]));
            }
            _ => {}
        }
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

/// What the programs of these launches printed as their own CPU time; of a chain there are several.
fn own_core_seconds(files: &Path, launches: &[u64]) -> Vec<f64> {
    let figures = |seq: &u64| -> Vec<f64> {
        let printed = std::fs::read_to_string(files.join(format!("cluster/sandboxes/{seq}/stdout"))).unwrap();
        printed.split_whitespace().filter_map(|word| word.strip_prefix("cpu_s=")?.parse().ok()).collect()
    };
    launches.iter().flat_map(figures).collect()
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
