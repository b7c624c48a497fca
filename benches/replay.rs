//! What it takes to compute logs again, decisions, rounds and hash chain included, against a bare row walk of the same log in the same run; and what
//! a supervisor takes to start on a log of living jobs. The ratios carry over to other machines, the rates do not.
//! `cargo bench --bench replay [-- <thousands of events a log>]`
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a program that prints what it has measured")]

#[path = "../tests/replay/recorded.rs"]
mod recorded;

use std::hint::black_box;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use mesos_qos::cli::replay::check::recompute_with;
use mesos_qos::cli::simulate::database;
use mesos_qos::clock::SystemClock;
use mesos_qos::config::Settings;
use mesos_qos::events::envelope::StoredEvent;
use mesos_qos::events::job::JobEvent;
use mesos_qos::events::source::LogSource;
use mesos_qos::events::store::{DATABASE, ReadError, Replay};
use mesos_qos::published::Case;
use mesos_qos::qos::policy::PolicyName;
use mesos_qos::replay::{CheckReport, Checker};
use mesos_qos::simulation::Scenario;
use mesos_qos::simulation::model::scenario::CHAIN_GAP;
use mesos_qos::simulation::outcome::Batch;
use mesos_qos::supervise;
use recorded::{fill, recorded};

fn main() {
    // cargo passes `--bench`.
    let thousands: u64 = std::env::args().skip(1).find_map(|argument| argument.parse().ok()).unwrap_or(200);
    let events = thousands * 1000;
    drop(rustls::crypto::ring::default_provider().install_default());
    let dir = tempfile::tempdir().unwrap();
    let (batch, long) = (Scenario::published(Case::One), Scenario::published(Case::Three));
    let chained = Scenario { chain_gap_s: Some(CHAIN_GAP), tasks_stay: true, ..batch.clone() };
    println!("events a second, of {events} or a few more");
    println!("  {:<22} {:>9} {:>9} {:>9} {:>9} {:>9}", "log", "row walk", "memory", "1 thread", "all", "decided");
    for (name, scenarios, policy, rounds) in [
        ("step", vec![&batch], PolicyName::Step, false),
        ("predictive", vec![&batch], PolicyName::Predictive, false),
        ("predictive, chained", vec![&chained], PolicyName::Predictive, false),
        ("both kinds of jobs", vec![&batch, &long], PolicyName::Predictive, false),
        ("both, with rounds", vec![&batch, &long], PolicyName::Predictive, true),
    ] {
        let path = dir.path().join("events.db");
        fill(&path, &recorded(&scenarios, policy, events), rounds);
        measure(name, &path);
        std::fs::remove_file(path).unwrap();
    }
    start(dir.path(), &batch, 100_000);
}

fn measure(name: &str, path: &Path) {
    let source = LogSource::open(path).unwrap();
    let events = read(&source);
    let count = events.len() as f64;
    let mut best = [f64::INFINITY; 4];
    let mut report = CheckReport::default();
    let all = std::thread::available_parallelism().unwrap().get();
    // In turns, the best of each: what disturbs one round does not make a ratio.
    for _ in 0..3 {
        let (walked, memory) = (timed(|| walk(&source)).0, timed(|| in_memory(&events)).0);
        let (one, of_one) = timed(|| recompute_with(&source, None, 1).unwrap());
        let (several, of_several) = timed(|| recompute_with(&source, None, all).unwrap());
        assert_eq!(of_one, of_several);
        assert!(of_one.is_the_same(), "{:?} {:?}", of_one.differences.first(), of_one.unreadable.first());
        for (best, took) in best.iter_mut().zip([walked, memory, one, several]) {
            *best = best.min(took.as_secs_f64());
        }
        report = of_one;
    }
    let [walked, memory, one, several] = best.map(|seconds| count / seconds);
    let decided = report.decisions + report.answers + report.rounds;
    println!("  {name:<22} {walked:>9.0} {memory:>9.0} {one:>9.0} {several:>9.0} {decided:>9}");
}

fn read(source: &LogSource) -> Vec<StoredEvent> {
    let mut events = Vec::new();
    let walked = source.for_each_event(Replay::Everything, |event| {
        events.push(event.clone());
        Ok::<(), ReadError>(())
    });
    walked.unwrap();
    events
}

fn walk(source: &LogSource) {
    let walked = source.for_each_event(Replay::Everything, |event| {
        black_box(event.data.len());
        Ok::<(), ReadError>(())
    });
    walked.unwrap();
}

fn in_memory(events: &[StoredEvent]) -> CheckReport {
    let mut checker = Checker::default();
    events.iter().for_each(|event| checker.expect(event).unwrap());
    events.iter().for_each(|event| checker.take(event).unwrap());
    checker.finish()
}

fn timed<T>(work: impl FnOnce() -> T) -> (Duration, T) {
    let began = Instant::now();
    let done = work();
    (began.elapsed(), done)
}

/// A supervisor's start, until it answers requests, on a log whose jobs all live.
fn start(dir: &Path, scenario: &Scenario, events: u64) {
    let living = |batch: &Batch| {
        !batch.events.iter().any(|event| matches!(event, JobEvent::Completed(_) | JobEvent::Removed(_)))
    };
    let batches: Vec<Batch> = recorded(&[scenario], PolicyName::Predictive, events).into_iter().flatten().collect();
    let batches: Vec<Batch> = named(batches).into_iter().filter(living).collect();
    let count = batches.iter().map(|batch| batch.events.len()).sum::<usize>();
    let jobs = batches.iter().filter(|batch| matches!(batch.events[0], JobEvent::Registered(_))).count();
    let data = dir.join("data");
    std::fs::DirBuilder::new().mode(0o700).create(&data).unwrap();
    database::write(&data.join(DATABASE), batches).unwrap();
    let settings = settings(dir, data);
    let took = actix_rt::System::new().block_on(async {
        let began = Instant::now();
        let (supervising, server) = supervise::start(&settings, Arc::new(SystemClock)).await.unwrap();
        let took = began.elapsed();
        actix_rt::spawn(server);
        supervising.stop().await;
        took
    });
    println!("a supervisor starts on {count} events of {jobs} living jobs in {took:.2?}");
}

/// The same with a name of its own for each job: only one living job has a name.
fn named(mut batches: Vec<Batch>) -> Vec<Batch> {
    for batch in &mut batches {
        for event in &mut batch.events {
            if let JobEvent::Registered(registered) = event {
                registered.name = format!("{}-{}", registered.name, batch.job);
            }
        }
    }
    batches
}

fn settings(dir: &Path, data: PathBuf) -> Settings {
    let credentials = dir.join("chronos.json");
    // Nothing listens on the discard port.
    std::fs::write(&credentials, r#"{"url":"http://127.0.0.1:9","user":"u","password":"p"}"#).unwrap();
    let variables = [
        ("SUPERVISOR_LISTEN", "127.0.0.1".to_owned()),
        ("SUPERVISOR_PORT", "0".to_owned()),
        ("SUPERVISOR_DATA_DIR", data.display().to_string()),
        ("SUPERVISOR_CREDENTIALS_CHRONOS", credentials.display().to_string()),
    ];
    let variables = variables.map(|(key, value)| (format!("MESOS_QOS_{key}").into(), value.into()));
    Settings::load(vec![], variables, None).unwrap()
}
