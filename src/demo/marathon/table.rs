//! The result of case III for people.

use std::io::{self, Write};

use comfy_table::{Cell, Row};

use super::figures::{LongRunning, ResizeFigures};
use crate::config::RescaleMode;
use crate::demo::result::{CaseSummary, JobResult};
use crate::demo::table::{numbers, on_time};

const HEADER: [&str; 10] = [
    "job",
    "resized",
    "finished at",
    "deadline",
    "on time",
    "CPU-s reserved",
    "CPU-s allowed",
    "CPU-s used",
    "resizes",
    "lost per resize",
];

/// From here on the difference between the declared and the real work is told.
const NOTABLE: f64 = 0.03;

/// Writes the table, and beneath it how the job was run and what was decided about it.
///
/// # Errors
/// When `out` takes no more.
pub fn write(jobs: &[&JobResult], colour: bool, out: &mut dyn Write) -> io::Result<()> {
    let long = || jobs.iter().filter_map(|job| Some((*job, job.long_running.as_ref()?)));
    let rows = long().map(|(job, long)| row(job, long, colour)).collect();
    writeln!(out, "{}", numbers(HEADER, rows, colour))?;
    for (_, long) in long() {
        writeln!(out, "The job was {}: {}.", long.form, long.why)?;
        for decision in &long.decisions {
            writeln!(out, "[{:>4.0} s] progress {:.2}: {}", decision.at_s, decision.progress_ratio, decision.reason)?;
        }
        if let Some(times) = times(&long.resizes, long.rescale == RescaleMode::Restart.as_str()) {
            writeln!(out, "{times}")?;
        }
    }
    Ok(())
}

fn row(job: &JobResult, long: &LongRunning, colour: bool) -> Row {
    let lost = lost(&long.resizes).map_or("-".to_owned(), |(p50, _)| format!("{p50:.2} s"));
    Row::from(vec![
        Cell::new(&job.name),
        Cell::new(format!("{} ({})", long.rescale, long.runtime.as_deref().unwrap_or("-"))),
        Cell::new(job.finished_s.map_or("-".to_owned(), |at| format!("{at:.1} s"))),
        Cell::new(format!("{:.1} s", job.deadline_s)),
        on_time(job, colour),
        Cell::new(format!("{:.1}", job.cpu_seconds_allocated)),
        Cell::new(format!("{:.1}", long.cpu_seconds_allowed)),
        Cell::new(format!("{:.1}", job.cpu_seconds_used)),
        Cell::new(job.rescales),
        Cell::new(lost),
    ])
}

/// Median and 99th percentile of the time that the job stood still for a resize.
fn lost(resizes: &[ResizeFigures]) -> Option<(f64, f64)> {
    let mut lost: Vec<f64> = resizes.iter().map(|resize| resize.lost_s).collect();
    lost.sort_by(f64::total_cmp);
    let at = |share: f64| lost.get((lost.len().saturating_sub(1) as f64 * share).round() as usize).copied();
    at(0.5).zip(at(0.99))
}

fn times(resizes: &[ResizeFigures], restart: bool) -> Option<String> {
    let (p50, p99) = lost(resizes)?;
    let slowest = resizes.iter().map(|resize| resize.took_s).fold(0.0, f64::max);
    Some(if restart {
        format!(
            "Time lost per resize, from the signal to the next start: p50 {p50:.2} s, p99 {p99:.2} s of {}.",
            resizes.len()
        )
    } else {
        format!("No time is lost in place; a new limit was in force {slowest:.2} s after its decision, at most.")
    })
}

/// Writes why the job was late, if it was, and whether the witnesses agree.
///
/// # Errors
/// When `out` takes no more.
pub fn conclusion(case: &CaseSummary, jobs: &[&JobResult], out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "The published run was done at 393 s of 480 s with two changes of the CPU.")?;
    for (job, long) in jobs.iter().filter_map(|job| Some((*job, job.long_running.as_ref()?))) {
        if let Some(sentence) = why_late(job, long) {
            writeln!(out, "{sentence}")?;
        }
        let more = long.cpu_seconds_supervised / long.cpu_seconds_declared - 1.0;
        if more.abs() > NOTABLE {
            writeln!(
                out,
                "Its work took {:.1} CPU-s, {:.0} % {} than the declared {:.1}: the calibration on this machine was off by that much.",
                long.cpu_seconds_supervised,
                more.abs() * 100.0,
                if more > 0.0 { "more" } else { "less" },
                long.cpu_seconds_declared
            )?;
        }
        if !job.is_completed() || !job.problems.is_empty() {
            continue;
        }
        let kernel = match long.cpu_seconds_kernel {
            Some(kernel) => format!("the kernel counted {kernel:.2} CPU-s in the job's group"),
            None => format!("the tasks with their agents used {:.2}, by the kernel", long.cpu_seconds_tasks),
        };
        writeln!(
            out,
            "The figures agree: the {} launches in the cluster's journal are the segments in the event log ({} events, chain \
             verified), which have {:.2} CPU-s; {kernel}, and the program itself {:.2}.",
            job.launches, case.events, long.cpu_seconds_supervised, job.cpu_seconds_workload
        )?;
    }
    Ok(())
}

/// The policy's own part in it, where it has one: with the CPU that it was submitted with the job would have been on time.
fn why_late(job: &JobResult, long: &LongRunning) -> Option<String> {
    let late = job.finished_s.filter(|at| *at > job.deadline_s)? - job.deadline_s;
    let taken = long.resizes.iter().filter(|resize| resize.to < resize.from).count();
    let lost: f64 = long.resizes.iter().map(|resize| resize.lost_s).sum();
    let mut sentence = format!("It was {late:.1} s late.");
    if taken > 0 && long.untouched_s < job.deadline_s {
        let times = if taken == 1 { "once".to_owned() } else { format!("{taken} times") };
        sentence.push_str(&format!(
            " Left alone it would have taken {:.1} s: the policy took CPU away {times}, by a fixed step, and a limit is a hard \
             one here, as it was not in the published run.",
            long.untouched_s
        ));
    }
    if lost > 0.0 {
        sentence.push_str(&format!(" Its resizes cost it {lost:.1} s."));
    }
    Some(sentence)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resize(lost_s: f64) -> ResizeFigures {
        ResizeFigures { from: 1.0, to: 0.6, took_s: lost_s + 0.5, lost_s }
    }

    #[test]
    fn the_time_lost_is_told_with_its_spread() {
        assert_eq!(lost(&[]), None);
        assert_eq!(lost(&[resize(0.9), resize(0.7), resize(0.8)]), Some((0.8, 0.9)));
        let text = times(&[resize(0.9), resize(0.7)], true).unwrap();
        assert!(text.contains("p50 0.90 s, p99 0.90 s of 2"), "{text}");
        let text = times(&[resize(0.0)], false).unwrap();
        assert!(text.contains("0.50 s after its decision"), "{text}");
    }
}
