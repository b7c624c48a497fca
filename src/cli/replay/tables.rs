//! What a replay has found, for people.

use std::io::Write;

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};

use super::Document;
use crate::cli::remote::printable;
use crate::replay::{CheckReport, Comparison, Divergence, Interval, JobComparison, Law, Outcome, SearchResult};

pub fn show(document: &Document, out: &mut impl Write) -> anyhow::Result<()> {
    if let Some(comparison) = &document.counterfactual {
        return compared(comparison, out);
    }
    if let Some(results) = &document.search {
        results.iter().try_for_each(|result| searched(result, out))?;
        return document.search_notes.iter().try_for_each(|note| Ok(writeln!(out, "{note}.")?));
    }
    checked(&document.check, out)
}

fn checked(report: &CheckReport, out: &mut impl Write) -> anyhow::Result<()> {
    let CheckReport { events, decisions, answers, rounds, .. } = report;
    let all = format!(
        "{events} events, {decisions} decisions, {answers} answers to chained tasks, {rounds} rounds of the arbitration"
    );
    if report.is_the_same() {
        writeln!(out, "{all}: each follows from the events before it, to the byte")?;
    } else {
        let (differing, not) = (report.differing, report.not_computed);
        writeln!(out, "{all}: {differing} come out differently, {not} cannot be computed by this program")?;
    }
    Ok(())
}

fn compared(comparison: &Comparison, out: &mut impl Write) -> anyhow::Result<()> {
    writeln!(out, "In fact, and with the {}", comparison.change)?;
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header([
        "JOB",
        "DEADLINE",
        "FINISH",
        "WOULD BE",
        "95 %",
        "ANOTHER RUN",
        "ON TIME",
        "WOULD BE",
        "CPU-S",
        "WOULD BE",
        "RESIZES",
        "WOULD BE",
    ]);
    for job in &comparison.jobs {
        let (was, would) = (&job.recorded, &job.replayed);
        table.add_row([
            printable(&job.name),
            format!("{:.0} s", job.deadline_s),
            finish(was),
            finish(would),
            range(job.finish.as_ref()),
            range(job.finish_another_run.as_ref()),
            on_time(was).to_owned(),
            job.chance_on_time.map_or_else(
                || on_time(would).to_owned(),
                |chance| format!("{} ({:.0} %)", on_time(would), chance * 100.0),
            ),
            format!("{:.0}", was.cpu_seconds),
            format!("{:.0}", would.cpu_seconds),
            was.rescales.to_string(),
            would.rescales.to_string(),
        ]);
    }
    for right in [1, 2, 3, 8, 9, 10, 11] {
        if let Some(column) = table.column_mut(right) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    writeln!(out, "{}", table.trim_fmt())?;
    for job in &comparison.jobs {
        writeln!(out, "\n{} {}", printable(&job.name), job.job)?;
        writeln!(out, "  {}", law(&job.law))?;
        writeln!(out, "  {}", divergence(job))?;
    }
    writeln!(out)?;
    if let Some(cluster) = &comparison.cluster {
        let arbitrated = if cluster.arbitrated { ", under the arbitration" } else { ", each deciding for itself" };
        writeln!(out, "The jobs share {} nodes with {} CPU{arbitrated}.", cluster.nodes, cluster.node_cpus)?;
    }
    writeln!(
        out,
        "95 %: of {} draws of what is not known, for the same iterations with the same luck; another run: with luck of its own.",
        comparison.draws
    )?;
    for note in &comparison.notes {
        writeln!(out, "{note}.")?;
    }
    Ok(())
}

fn finish(outcome: &Outcome) -> String {
    outcome.finish_s.map_or_else(|| "-".to_owned(), |seconds| format!("{seconds:.0} s"))
}

fn on_time(outcome: &Outcome) -> &'static str {
    match outcome.on_time {
        Some(true) => "yes",
        Some(false) => "no",
        None => "-",
    }
}

fn range(interval: Option<&Interval>) -> String {
    interval.map_or_else(|| "-".to_owned(), |known| format!("{:.0}-{:.0} s", known.low_s, known.high_s))
}

fn law(law: &Law) -> String {
    let what = match law.of {
        crate::replay::law::Unit::Iteration => "an iteration",
        crate::replay::law::Unit::CpuSecond => "a CPU-second",
    };
    let seen = match law.measured_between {
        None => "nothing was measured".to_owned(),
        Some((low, high)) if low == high => format!("measured with {low} CPU"),
        Some((low, high)) => format!("measured with {low} to {high} CPU"),
    };
    let Law { serial_s, parallel_s, serial_deviation_s, parallel_deviation_s, spread, observations, .. } = law;
    format!(
        "{what} with a CPUs takes {serial_s:.3} s ± {serial_deviation_s:.3} + ({parallel_s:.3} s ± {parallel_deviation_s:.3}) / a, \
         single ones ± {:.1} %; {observations} of them, {seen}",
        spread * 100.0
    )
}

fn divergence(job: &JobComparison) -> String {
    let Some(Divergence { after, at_s, recorded_cpus, recorded_reason, replayed_cpus, replayed_reason }) =
        &job.first_divergence
    else {
        return "the same CPU all the time".to_owned();
    };
    let unit = match job.framework {
        crate::qos::ids::Framework::Chronos => "iterations",
        crate::qos::ids::Framework::Marathon => "looks",
    };
    let why = |reason: &Option<String>| reason.as_deref().map_or("nothing was decided".to_owned(), printable);
    format!(
        "first otherwise after {after} {unit}, at {at_s:.0} s: {recorded_cpus} CPU in fact ({}), {replayed_cpus} CPU in the replay ({})",
        why(recorded_reason),
        why(replayed_reason)
    )
}

fn searched(result: &SearchResult, out: &mut impl Write) -> anyhow::Result<()> {
    let SearchResult { name, job, deadline_s, finish_s, missed, most_cpus, least_constant, latest_resize } = result;
    let was = finish_s.map_or_else(|| "it is not done".to_owned(), |seconds| format!("it was done at {seconds:.0} s"));
    let verdict = if *missed { "missed" } else { "met" };
    writeln!(out, "{} {job}: deadline {deadline_s:.0} s, {was}: {verdict}", printable(name))?;
    match least_constant {
        Some(one) => writeln!(
            out,
            "  {} CPU throughout would have met it: done at {:.0} s, {:.0} CPU-seconds; likely to {:.0} %",
            one.cpus,
            one.found.finish_s,
            one.found.cpu_seconds,
            one.found.chance * 100.0
        )?,
        None => writeln!(out, "  no CPU up to {most_cpus} would have met it")?,
    }
    if !missed {
        return Ok(());
    }
    match latest_resize {
        Some(one) => writeln!(
            out,
            "  {} CPU after {} would have met it at the latest: done at {:.0} s, {:.0} CPU-seconds; likely to {:.0} %",
            one.cpus,
            one.after,
            one.found.finish_s,
            one.found.cpu_seconds,
            one.found.chance * 100.0
        )?,
        None => writeln!(out, "  no resize would have met it, however early")?,
    }
    Ok(())
}
