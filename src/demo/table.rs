//! The result for people.

use std::io::{self, Write};

use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{Cell, CellAlignment, Color, Row, Table};

use super::marathon;
use super::options::Case;
use super::result::{CaseSummary, DemoResult, JobResult};

/// Iterations that take this many times longer than they should show that the machine is busy with something else.
const BUSY: f64 = 1.05;

const HEADER: [&str; 8] =
    ["job", "iterations", "finished at", "deadline", "on time", "CPU-s reserved", "CPU-s used", "resizes"];

/// Writes a table and its conclusion for each case.
///
/// # Errors
/// When `out` takes no more.
pub fn write(result: &DemoResult, colour: bool, out: &mut dyn Write) -> io::Result<()> {
    for case in &result.cases {
        let jobs: Vec<&JobResult> = result.jobs.iter().filter(|job| job.case == case.case).collect();
        writeln!(out, "\nCase {}, {} times as fast as published", case.case.as_str().to_uppercase(), case.speed)?;
        if case.case == Case::Three {
            marathon::table::write(&jobs, colour, out)?;
            conclusion(result, case, &jobs, out)?;
            marathon::table::conclusion(case, &jobs, out)?;
        } else {
            writeln!(out, "{}", table(&jobs, colour))?;
            conclusion(result, case, &jobs, out)?;
            agreement(case, &jobs, out)?;
        }
        writeln!(out, "{}", case.metrics.sentence())?;
    }
    writeln!(
        out,
        "A virtual CPU is {:.4} of a core ({}); CPU-s are seconds of a virtual CPU, all times are real.",
        result.virtual_cpu_cores, result.executor
    )
}

fn table(jobs: &[&JobResult], colour: bool) -> Table {
    let sum = |of: fn(&JobResult) -> f64| jobs.iter().map(|job| of(job)).sum::<f64>();
    let on_time = jobs.iter().filter(|job| job.on_time).count();
    let total = Row::from(vec![
        "total".to_owned(),
        jobs.iter().map(|job| job.iterations).sum::<u32>().to_string(),
        String::new(),
        String::new(),
        format!("{on_time} of {}", jobs.len()),
        format!("{:.1}", sum(|job| job.cpu_seconds_allocated)),
        format!("{:.1}", sum(|job| job.cpu_seconds_used)),
        jobs.iter().map(|job| job.rescales).sum::<u32>().to_string(),
    ]);
    numbers(HEADER, jobs.iter().map(|job| row(job, colour)).chain([total]).collect(), colour)
}

fn row(job: &JobResult, colour: bool) -> Row {
    Row::from(vec![
        Cell::new(&job.name),
        Cell::new(format!("{}/{}", job.iterations, job.iterations_wanted)),
        Cell::new(job.finished_s.map_or("-".to_owned(), |at| format!("{at:.1} s"))),
        Cell::new(format!("{:.1} s", job.deadline_s)),
        on_time(job, colour),
        Cell::new(format!("{:.1}", job.cpu_seconds_allocated)),
        Cell::new(format!("{:.1}", job.cpu_seconds_used)),
        Cell::new(job.rescales),
    ])
}

/// `yes`, `no`, or how else it ended.
pub fn on_time(job: &JobResult, colour: bool) -> Cell {
    let (word, paint) = match (job.is_completed(), job.on_time) {
        (true, true) => ("yes", Color::Green),
        (true, false) => ("no", Color::Red),
        (false, _) => (job.state, Color::Red),
    };
    if colour { Cell::new(word).fg(paint) } else { Cell::new(word) }
}

/// An empty table with this header, in which all columns but the first are numbers.
pub fn numbers(header: impl Into<Row>, rows: Vec<Row>, colour: bool) -> Table {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED);
    if !colour {
        table.force_no_tty();
    }
    table.set_header(header);
    for row in rows {
        table.add_row(row);
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

fn conclusion(result: &DemoResult, case: &CaseSummary, jobs: &[&JobResult], out: &mut dyn Write) -> io::Result<()> {
    let late: Vec<&str> = jobs.iter().filter(|job| !job.on_time).map(|job| job.name.as_str()).collect();
    write!(out, "{} of {} jobs were on time", case.on_time, case.total)?;
    if !late.is_empty() {
        write!(out, "; not on time: {}", late.join(", "))?;
    }
    writeln!(
        out,
        ". The policy was \"{}\"{}; {} of {} were on time in the published run.",
        result.policy,
        if result.policy == "step" { ", the published one" } else { "" },
        case.published_on_time,
        case.total
    )?;
    if case.slowdown > BUSY {
        writeln!(
            out,
            "This machine was busy with something else: {} took {:.0} % longer than their CPU allows, so deadlines were \
             harder to meet.",
            if case.case == Case::Three { "jobs" } else { "iterations" },
            (case.slowdown - 1.0) * 100.0
        )?;
    }
    Ok(())
}

fn agreement(case: &CaseSummary, jobs: &[&JobResult], out: &mut dyn Write) -> io::Result<()> {
    if jobs.iter().all(|job| job.is_completed() && job.problems.is_empty()) {
        let launches: usize = jobs.iter().map(|job| job.launches).sum();
        let iterations: usize = jobs.iter().map(|job| job.iterations as usize).sum();
        let repeated = launches - iterations.min(launches);
        let what = if launches < iterations { format!("tasks of the {iterations} iterations") } else { "runs".into() };
        let repeated = if repeated == 0 { String::new() } else { format!(", {repeated} of them failed and repeated") };
        writeln!(
            out,
            "The figures agree: the {launches} launches in the cluster's journal{repeated} are the {what} in the event log \
             ({} events, chain verified), and the kernel's CPU time is the programs' own.",
            case.events
        )?;
    }
    Ok(())
}
