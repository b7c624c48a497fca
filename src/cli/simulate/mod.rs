//! `mesos-qos simulate`: the published experiments in virtual time, under the rules of production.

mod args;
mod candidates;
pub mod database;
mod runs;

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

pub use args::SimulateArgs;

use crate::published::Case;
use crate::simulation::compare::{Difference, Summary};
use crate::simulation::model::Scenario;
use crate::simulation::perturbed::perturbations;
use crate::simulation::report::{self, Block};
use crate::simulation::{Candidate, RunOutcome, plot, simulate_recorded};
use runs::Seeds;

/// Runs `mesos-qos simulate`; the figures go to `out`.
///
/// # Errors
/// When an option makes no sense, a job can never be done, or a file cannot be written.
pub fn run(args: &SimulateArgs, mut out: impl Write) -> anyhow::Result<()> {
    let candidates = candidates::candidates(args)?;
    // The same names at the same instants: the log would have to hold two active jobs of one name.
    anyhow::ensure!(
        args.database.is_none() || args.cases().len() == 1,
        "--database: an event log holds one experiment; name one with --cases"
    );
    let mut blocks = Vec::new();
    for case in args.cases() {
        let scenario = args.scenario(case)?;
        let of_case = if args.perturbed {
            let worlds = perturbations(&scenario).into_iter();
            worlds.map(|world| block(args, &candidates, world.scenario, Some(world.name))).collect()
        } else {
            block(args, &candidates, scenario, None).map(|block| vec![block])
        };
        let of_case: Vec<Block> = of_case?;
        if !args.json {
            show(&of_case, args.perturbed, &mut out)?;
        }
        blocks.extend(of_case);
    }
    if args.json {
        writeln!(out, "{}", report::json(&blocks)?)?;
    }
    files(args, &candidates)?;
    Ok(out.flush()?)
}

/// Everything about one scenario.
fn block(
    args: &SimulateArgs,
    candidates: &[Candidate],
    scenario: Scenario,
    world: Option<&'static str>,
) -> anyhow::Result<Block> {
    scenario.check()?;
    let seeds = Seeds { first: args.first_seed, count: args.seeds };
    let case = scenario.case;
    let mut all: Vec<(&str, Vec<RunOutcome>)> = Vec::new();
    for candidate in candidates {
        all.push((&candidate.name, runs::run_all(&scenario, candidate, &*candidate.arbiter(&scenario), seeds)?));
    }
    let mut summaries: Vec<Summary> =
        all.iter().map(|(name, runs)| Summary::of(case, name, args.first_seed, runs)).collect();
    if args.bound {
        let (alone, fixed) = candidates::alone(&scenario, candidates);
        let runs = runs::run_all(&alone, &fixed, &*fixed.arbiter(&alone), seeds)?;
        summaries.push(Summary::of(case, &fixed.name, args.first_seed, &runs));
    }
    let differences = match all.split_first() {
        Some(((against, theirs), others)) => others
            .iter()
            .map(|(name, runs)| Difference::of(case, args.first_seed, (name, runs), (against, theirs)))
            .collect(),
        None => Vec::new(),
    };
    Ok(Block { world, scenario, summaries, differences })
}

fn show(blocks: &[Block], perturbed: bool, out: &mut dyn Write) -> anyhow::Result<()> {
    let Some(first) = blocks.first() else { return Ok(()) };
    if perturbed {
        writeln!(out, "Case {}, in other worlds", first.scenario.case.as_str().to_uppercase())?;
        writeln!(out, "{}", report::worlds(blocks))?;
    } else {
        writeln!(out, "{}", report::text(first))?;
    }
    Ok(())
}

/// The figures and the event log of one seed.
fn files(args: &SimulateArgs, candidates: &[Candidate]) -> anyhow::Result<()> {
    if args.plot.is_none() && args.database.is_none() {
        return Ok(());
    }
    for (nth, candidate) in candidates.iter().enumerate() {
        let mut runs = Vec::new();
        for case in args.cases() {
            let scenario = args.scenario(case)?;
            let (_, events) = simulate_recorded(&scenario, candidate, &*candidate.arbiter(&scenario), args.first_seed)?;
            runs.push((case, events));
        }
        if let Some(path) = &args.plot {
            let path = named(path, &candidate.name, candidates.len());
            let svg = plot::svg(&candidate.name, &runs)?;
            std::fs::write(&path, svg).with_context(|| path.display().to_string())?;
        }
        // One log holds each job once: the first policy's.
        if let Some(path) = args.database.as_ref().filter(|_| nth == 0) {
            database::write(path, runs.into_iter().flat_map(|(_, events)| events).collect())?;
        }
    }
    Ok(())
}

/// `out.svg`, or `out-step.svg` where there are several.
fn named(path: &Path, candidate: &str, count: usize) -> PathBuf {
    if count < 2 {
        return path.to_owned();
    }
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let safe: String = candidate.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    path.with_file_name(format!("{stem}-{safe}.svg"))
}

/// Each case once, in the order in which they were named.
fn distinct(cases: &[Case]) -> Vec<Case> {
    let mut distinct: Vec<Case> = Vec::new();
    for case in cases {
        if !distinct.contains(case) {
            distinct.push(*case);
        }
    }
    distinct
}
