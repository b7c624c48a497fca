//! The figures for people and for programs.

use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{CellAlignment, Table};
use serde::Serialize;

use super::compare::{Difference, Summary};
use super::model::{Limits, Scenario};
use super::statistics::Estimate;
use crate::qos::ids::Framework;

/// The results of one scenario: a published experiment, or one in another world.
#[derive(Debug, Clone, PartialEq)]
pub struct Block {
    /// What is different from the scenario that was asked for, when there are several.
    pub world: Option<&'static str>,
    /// What was simulated.
    pub scenario: Scenario,
    /// A line a candidate.
    pub summaries: Vec<Summary>,
    /// Every candidate but the first against the first.
    pub differences: Vec<Difference>,
}

#[derive(Serialize)]
struct Document<'a> {
    results: Vec<Tagged<'a, &'a Summary>>,
    differences: Vec<Tagged<'a, &'a Difference>>,
    scenarios: Vec<Tagged<'a, &'a Scenario>>,
}

#[derive(Serialize)]
struct Tagged<'a, T> {
    #[serde(flatten)]
    item: T,
    #[serde(skip_serializing_if = "Option::is_none")]
    world: Option<&'a str>,
}

/// One JSON document with all figures.
///
/// # Errors
/// Never for figures that were computed; serialisation is fallible by type only.
pub fn json(blocks: &[Block]) -> Result<String, serde_json::Error> {
    let document = Document {
        results: blocks
            .iter()
            .flat_map(|block| block.summaries.iter().map(|item| Tagged { item, world: block.world }))
            .collect(),
        differences: blocks
            .iter()
            .flat_map(|block| block.differences.iter().map(|item| Tagged { item, world: block.world }))
            .collect(),
        scenarios: blocks.iter().map(|block| Tagged { item: &block.scenario, world: block.world }).collect(),
    };
    serde_json::to_string(&document)
}

/// The figures of one scenario as text.
pub fn text(block: &Block) -> String {
    let mut text = format!("Case {}: {}\n", block.scenario.case.as_str().to_uppercase(), description(&block.scenario));
    text += &summaries(&block.summaries);
    if !block.differences.is_empty() {
        text += "\nOn the same seeds, policy by policy:\n";
        text += &differences(&block.differences);
    }
    text
}

/// One line a world and policy: does it hold everywhere?
pub fn worlds(blocks: &[Block]) -> String {
    let mut table =
        numbers(&["world", "policy", "on time", "all on time", "CPU-s", "difference on time", "difference CPU-s"]);
    for block in blocks {
        for summary in &block.summaries {
            let difference = block.differences.iter().find(|difference| difference.policy == summary.policy);
            table.add_row([
                block.world.unwrap_or("as assumed").to_owned(),
                summary.policy.clone(),
                plus_minus(&summary.on_time, 2),
                format!("{:.1} %", summary.all_on_time * 100.0),
                plus_minus(&summary.cpu_seconds, 0),
                difference.map_or_else(String::new, |difference| signed(&difference.on_time, 2)),
                difference.map_or_else(String::new, |difference| signed(&difference.cpu_seconds, 0)),
            ]);
        }
    }
    left(&mut table, 2);
    format!("{table}\n")
}

fn description(scenario: &Scenario) -> String {
    let limits = match scenario.limits {
        Limits::Hard => "hard limits",
        Limits::Soft => "soft limits",
    };
    let in_place = match (scenario.in_place, scenario.reservations_stay) {
        (true, true) => ", resized in place, reservations stay",
        (true, false) => ", resized in place",
        (false, _) => "",
    };
    let pause = if scenario.case.framework() == Framework::Marathon {
        let (least, most) = scenario.restart_s;
        if scenario.in_place { String::new() } else { format!(", {least}-{most} s for a restart") }
    } else {
        let (least, most) = scenario.chain_gap_s.unwrap_or(scenario.gap_s);
        let chained = if scenario.chain_gap_s.is_some() { ", chained" } else { "" };
        format!(", gap {least}-{most} s{chained}, placement {}", scenario.placement.as_str())
    };
    format!("{} nodes x {} CPU, {limits}{pause}{in_place}", scenario.nodes, scenario.node_cpus)
}

fn summaries(all: &[Summary]) -> String {
    let mut table = numbers(&[
        "policy",
        "seeds",
        "jobs on time",
        "all on time",
        "CPU-s kept",
        "CPU-s used",
        "resizes",
        "median",
        "up-down-up",
        "late p95",
        "downtime",
        "worst seed",
    ]);
    for summary in all {
        let share = summary.all_on_time_interval;
        table.add_row([
            summary.policy.clone(),
            summary.seeds.to_string(),
            format!("{} of {}", plus_minus(&summary.on_time, 2), summary.jobs),
            format!("{:.1} % ({:.1}-{:.1})", share.mean * 100.0, share.low * 100.0, share.high * 100.0),
            plus_minus(&summary.cpu_seconds, 0),
            format!("{:.0}", summary.cpu_seconds_used_mean),
            format!("{:.2}", summary.rescales_mean),
            format!("{:.0}", summary.rescales_median),
            summary.zigzags.to_string(),
            format!("{:.0} s", summary.lateness_p95_s),
            format!("{:.1} s", summary.downtime_mean_s),
            summary.worst_seed.to_string(),
        ]);
    }
    left(&mut table, 1);
    format!("{table}\n")
}

fn differences(all: &[Difference]) -> String {
    let mut table = numbers(&["policy", "against", "jobs on time", "CPU-s kept", "worse seeds", "worst seed"]);
    for difference in all {
        table.add_row([
            difference.policy.clone(),
            difference.against.clone(),
            signed(&difference.on_time, 3),
            signed(&difference.cpu_seconds, 0),
            difference.worse_seeds.to_string(),
            difference.worst_seed.map_or_else(|| "-".to_owned(), |(seed, lost)| format!("{seed} ({lost})")),
        ]);
    }
    left(&mut table, 2);
    format!("{table}\n")
}

fn plus_minus(estimate: &Estimate, digits: usize) -> String {
    format!("{:.digits$} ± {:.digits$}", estimate.mean, estimate.half_width())
}

/// With its sign, and a star when zero is outside its interval.
fn signed(estimate: &Estimate, digits: usize) -> String {
    let star = if estimate.is_significant() { " *" } else { "" };
    format!("{:+.digits$} ± {:.digits$}{star}", estimate.mean, estimate.half_width())
}

fn numbers(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED).force_no_tty();
    table.set_header(header);
    table
}

/// All columns but the first `count` are numbers.
fn left(table: &mut Table, count: usize) {
    for column in table.column_iter_mut().skip(count) {
        column.set_cell_alignment(CellAlignment::Right);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::published::Case;
    use crate::simulation::outcome::{JobOutcome, RunOutcome};

    fn block() -> Block {
        let job = JobOutcome {
            name: "job",
            finished_s: 90.0,
            deadline_s: 100.0,
            on_time: true,
            reserved: 120.0,
            used: 100.0,
            rescales: 1,
            zigzags: 0,
            downtime_s: 0.0,
        };
        let runs = vec![RunOutcome { jobs: vec![job] }; 3];
        Block {
            world: None,
            scenario: Scenario::published(Case::One),
            summaries: ["a", "b"].map(|name| Summary::of(Case::One, name, 1, &runs)).into(),
            differences: vec![Difference::of(Case::One, 1, ("b", &runs), ("a", &runs))],
        }
    }

    #[test]
    fn the_promised_names_stand_in_the_json_document() {
        let document: serde_json::Value = serde_json::from_str(&json(&[block()]).unwrap()).unwrap();
        let result = &document["results"][0];
        let expected = serde_json::json!({
            "case": "i", "policy": "a", "seeds": 3, "jobs": 1, "on_time_mean": 1.0, "all_on_time": 1.0, "cpu_seconds_mean": 120.0,
            "rescales_mean": 1.0, "lateness_p95_s": 0.0
        });
        for (name, value) in expected.as_object().unwrap() {
            assert_eq!(&result[name], value, "{name}");
        }
        assert_eq!(document["differences"][0]["against"], "a");
        assert_eq!(document["scenarios"][0]["nodes"], 5);
    }

    #[test]
    fn the_table_says_what_was_simulated_and_how_sure_it_is() {
        let text = text(&block());
        for part in ["Case I: 5 nodes x 2 CPU, hard limits, gap 30-45 s", "1.00 ± 0.00 of 1", "100.0 % (43.9-100.0)"] {
            assert!(text.contains(part), "{part}\n{text}");
        }
        assert!(worlds(&[block()]).contains("+0.00 ± 0.00"));
    }
}
