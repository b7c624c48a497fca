//! `mesos-qos replay --log` over a large log, decisions and hash chain included, against a bare row walk of the same log in the same run. The
//! ratio carries over to other machines, the rates do not. `cargo bench --bench replay [-- <seeds>]`
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a program that prints what it has measured")]

use std::hint::black_box;
use std::path::Path;
use std::time::Instant;

use mesos_qos::cli::replay::check::recompute;
use mesos_qos::cli::simulate::database;
use mesos_qos::config::Settings;
use mesos_qos::events::source::LogSource;
use mesos_qos::events::store::{ReadError, Replay};
use mesos_qos::published::Case;
use mesos_qos::qos::policy::PolicyName;
use mesos_qos::simulation::{Candidate, NoArbiter, Scenario, simulate_recorded};
use mesos_qos::supervise;

fn main() {
    // cargo passes `--bench`.
    let seeds: u64 = std::env::args().skip(1).find_map(|argument| argument.parse().ok()).unwrap_or(1000);
    let dir = tempfile::tempdir().unwrap();
    for policy in [PolicyName::Step, PolicyName::Predictive] {
        let path = dir.path().join(format!("{}.db", policy.as_str()));
        fill(&path, policy, seeds);
        measure(&path, policy);
    }
}

/// Case I, so many times over, each job with a name of its own run after run.
fn fill(path: &Path, policy: PolicyName, seeds: u64) {
    let mut defaults = supervise::defaults(&Settings::default());
    defaults.policies.configured = policy;
    let candidate = Candidate { name: policy.as_str().into(), defaults, submitted: None, aim: None };
    let scenario = Scenario::published(Case::One);
    let runs = (1..=seeds).flat_map(|seed| simulate_recorded(&scenario, &candidate, &NoArbiter, seed).unwrap().1);
    database::write(path, runs.collect()).unwrap();
}

fn measure(path: &Path, policy: PolicyName) {
    let source = LogSource::open(path).unwrap();
    let (mut bare, mut replayed) = (0.0_f64, 0.0_f64);
    let mut report = Default::default();
    for _ in 0..3 {
        let mut events = 0u64;
        let began = Instant::now();
        let walked = source.for_each_event(Replay::Everything, |event| {
            black_box(event.data.len());
            events += 1;
            Ok::<(), ReadError>(())
        });
        walked.unwrap();
        bare = bare.max(events as f64 / began.elapsed().as_secs_f64());
        let began = Instant::now();
        report = recompute(&source, None).unwrap();
        assert!(report.is_the_same(), "{:?}", report.differences);
        replayed = replayed.max(report.events as f64 / began.elapsed().as_secs_f64());
    }
    println!(
        "{:<12} {} events, {} decisions: bare row walk {bare:9.0}/s, replayed {replayed:9.0}/s, ratio {:.2}",
        policy.as_str(),
        report.events,
        report.decisions,
        replayed / bare
    );
}
