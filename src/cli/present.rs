//! How jobs look on a terminal.

use chrono::DateTime;
use comfy_table::{CellAlignment, ContentArrangement, Table, presets};

use super::remote::printable;
use crate::api::view::{Instant, JobView};

/// One line a job.
pub fn table(jobs: &[JobView]) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(["JOB", "STATE", "PERFORMANCE", "DONE", "CPUS", "FINISH", "AGAINST DEADLINE", "FLAGS", "UUID"]);
    for job in jobs {
        table.add_row([
            printable(&job.name),
            job.state.to_string(),
            job.performance.map_or("-", |performance| performance.as_str()).to_owned(),
            done(job),
            job.cpus.map_or_else(|| "?".to_owned(), |cpus| cpus.to_string()),
            expected_finish(job).map_or_else(|| "-".to_owned(), time),
            against_deadline(job).unwrap_or_else(|| "-".to_owned()),
            if job.flags.is_empty() { "-".to_owned() } else { printable(&job.flags.join(",")) },
            job.uuid.to_string(),
        ]);
    }
    for right in [3, 4] {
        if let Some(column) = table.column_mut(right) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.trim_fmt()
}

/// Everything about one job.
pub fn details(job: &JobView) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    let mut row = |name: &str, value: String| {
        table.add_row([name.to_owned(), value]);
    };
    row("job", printable(&job.name));
    row("uuid", job.uuid.to_string());
    row("framework", job.framework.to_string());
    row("state", job.state.to_string());
    if let Some(reason) = &job.reason {
        row("reason", printable(reason));
    }
    if let Some(performance) = job.performance {
        row("performance", performance.to_string());
    }
    row("registered", time(job.registered_at));
    row("deadline", time(job.deadline_at));
    if let Some(finish) = expected_finish(job) {
        row(if job.finished_at.is_some() { "finished" } else { "predicted finish" }, time(finish));
    }
    if let Some(margin) = against_deadline(job) {
        row("against deadline", margin);
    }
    if let (Some(lower), Some(upper)) = (job.lower, job.upper) {
        row("on plan between", format!("{} and {}", time(lower), time(upper)));
    }
    if job.iterations.is_some() {
        row("iterations done", done(job));
    }
    if let Some(ratio) = job.progress_ratio {
        row("progress ratio", format!("{ratio:.3}"));
    }
    row("cpus", job.cpus.map_or_else(|| "not known yet".to_owned(), |cpus| cpus.to_string()));
    row("cpus submitted", job.cpus_submitted.map_or_else(|| "not known yet".to_owned(), |cpus| cpus.to_string()));
    row("resizes", job.rescales.to_string());
    row("failures in a row", job.failures_in_row.to_string());
    let advice = if job.dry_run { ", which only recommends (dry_run)" } else { "" };
    row("policy", format!("{}{advice}", printable(&job.policy)));
    if let Some(cpus) = job.recommended_cpus {
        row("cpus recommended", cpus.to_string());
    }
    if let Some(admission) = &job.admission {
        row("admission", format!("{}: {}", printable(&admission.verdict), printable(&admission.reason)));
    }
    let declared = (job.qos.duration, job.qos.deadline, job.qos.desv_deadline);
    row("declared", format!("duration {} s, deadline {} s, deviation {}", declared.0, declared.1, declared.2));
    if !job.flags.is_empty() {
        row("flags", printable(&job.flags.join(", ")));
    }
    table.trim_fmt()
}

fn done(job: &JobView) -> String {
    match (job.iterations, job.remaining) {
        (Some(all), Some(remaining)) => format!("{}/{all}", all.saturating_sub(remaining)),
        _ => "-".to_owned(),
    }
}

fn expected_finish(job: &JobView) -> Option<Instant> {
    job.finished_at.or(job.prediction)
}

/// `4m 10s early`, `12s late`.
fn against_deadline(job: &JobView) -> Option<String> {
    let margin = job.deadline_at.0.since(expected_finish(job)?.0).seconds();
    let length = std::time::Duration::try_from_secs_f64(margin.abs().round()).ok()?;
    let word = if margin < 0.0 { "late" } else { "early" };
    Some(format!("{} {word}", humantime::format_duration(length)))
}

/// To the second, in UTC.
fn time(at: Instant) -> String {
    DateTime::from_timestamp_micros(at.0.micros())
        .map_or_else(|| at.to_string(), |at| at.format("%Y-%m-%d %H:%M:%SZ").to_string())
}
