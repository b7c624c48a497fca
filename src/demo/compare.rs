//! The same cases under several policies, side by side. Each is a real run of its own, one after the other: on one machine two at once
//! would take each other's time.

use std::io::{self, Write};
use std::path::Path;

use comfy_table::Row;
use serde::Serialize;

use super::options::DemoOptions;
use super::progress::Progress;
use super::result::{DemoResult, JobResult};
use super::table::numbers;
use crate::config::PolicyName;

/// One way to run the cases.
struct Way {
    name: &'static str,
    policy: PolicyName,
    chain: bool,
}

/// As published, the same rule with chained iterations, and the default of this program.
const WAYS: [Way; 3] = [
    Way { name: "published", policy: PolicyName::Step, chain: false },
    Way { name: "step, chained", policy: PolicyName::Step, chain: true },
    Way { name: "predictive, chained, in place", policy: PolicyName::Predictive, chain: true },
];

/// A run under one of them.
#[derive(Debug, Serialize)]
pub struct Compared {
    /// How it was run.
    pub way: &'static str,
    /// What came of it.
    #[serde(flatten)]
    pub result: DemoResult,
}

/// Runs the cases in each way, with the files of each in a directory of its own below `dir`.
///
/// # Errors
/// As of a single run.
pub async fn run(options: &DemoOptions, dir: &Path, progress: &mut dyn Progress) -> anyhow::Result<Vec<Compared>> {
    let mut compared = Vec::new();
    for (number, way) in WAYS.iter().enumerate() {
        progress.say(&format!("Run {} of {}: {}.", number + 1, WAYS.len(), way.name));
        let files = dir.join((number + 1).to_string());
        std::fs::create_dir(&files)?;
        let options = DemoOptions { policy: way.policy, chain: way.chain, ..options.clone() };
        let result = super::run(&options, &files, progress).await?;
        compared.push(Compared { way: way.name, result });
    }
    Ok(compared)
}

/// Why the comparison did not succeed: what is wrong with any run; with `strict`, late jobs of the last one, too.
pub fn failures(compared: &[Compared], strict: bool) -> Vec<String> {
    let last = compared.len().saturating_sub(1);
    let of = |(number, one): (usize, &Compared)| {
        let failures = one.result.failures(strict && number == last);
        failures.into_iter().map(move |failure| format!("{}: {failure}", one.way)).collect::<Vec<_>>()
    };
    compared.iter().enumerate().flat_map(of).collect()
}

/// Writes a table for each case: when each job was done, and the totals.
///
/// # Errors
/// When `out` takes no more.
pub fn write(compared: &[Compared], colour: bool, out: &mut dyn Write) -> io::Result<()> {
    let Some(first) = compared.first() else { return Ok(()) };
    for case in &first.result.cases {
        let jobs = |one: &Compared| -> Vec<JobResult> {
            one.result.jobs.iter().filter(|job| job.case == case.case).cloned().collect()
        };
        let columns: Vec<Vec<JobResult>> = compared.iter().map(jobs).collect();
        let mut header = vec!["job".to_owned(), "deadline".to_owned()];
        header.extend(compared.iter().map(|one| one.way.to_owned()));
        let mut rows: Vec<Row> = Vec::new();
        for (place, job) in columns.first().into_iter().flatten().enumerate() {
            let mut cells = vec![job.name.clone(), format!("{:.1} s", job.deadline_s)];
            cells.extend(columns.iter().map(|jobs| jobs.get(place).map_or("-".into(), finish)));
            rows.push(cells.into());
        }
        let mut total = |name: &str, of: &dyn Fn(&[JobResult]) -> String| {
            let mut cells = vec![name.to_owned(), String::new()];
            cells.extend(columns.iter().map(|jobs| of(jobs)));
            rows.push(cells.into());
        };
        let sum =
            |jobs: &[JobResult], of: &dyn Fn(&JobResult) -> f64| format!("{:.1}", jobs.iter().map(of).sum::<f64>());
        total("on time", &|jobs| format!("{} of {}", jobs.iter().filter(|job| job.on_time).count(), jobs.len()));
        total("CPU-s reserved", &|jobs| sum(jobs, &|job| job.cpu_seconds_allocated));
        total("CPU-s used", &|jobs| sum(jobs, &|job| job.cpu_seconds_used));
        total("resizes", &|jobs| jobs.iter().map(|job| job.rescales).sum::<u32>().to_string());
        total("tasks", &|jobs| jobs.iter().map(|job| job.launches).sum::<usize>().to_string());
        writeln!(out, "\nCase {}, {} times as fast as published", case.case.as_str().to_uppercase(), case.speed)?;
        writeln!(out, "{}", numbers(header, rows, colour))?;
    }
    writeln!(
        out,
        "Real runs on this machine, one after the other; when each job was done, and whether that was in time. \"published\" is the \
         policy \"step\" with a task for each iteration."
    )
}

fn finish(job: &JobResult) -> String {
    match (job.finished_s, job.on_time) {
        (Some(at), true) => format!("{at:.1} s"),
        (Some(at), false) => format!("{at:.1} s, late"),
        (None, _) => job.state.to_owned(),
    }
}
