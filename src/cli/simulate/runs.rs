//! Many runs on all cores. How many cores there are changes nothing but the time that it takes.

use std::num::NonZeroUsize;
use std::thread;

use anyhow::anyhow;

use crate::simulation::model::Scenario;
use crate::simulation::{Arbiter, Candidate, RunOutcome, SimulationError, simulate};

/// A row of seeds.
#[derive(Debug, Clone, Copy)]
pub struct Seeds {
    /// The first.
    pub first: u64,
    /// How many.
    pub count: u32,
}

/// The runs of `scenario` under `candidate`, in the order of their seeds.
///
/// # Errors
/// As [`simulate`]; of several errors that of the smallest seed.
pub fn run_all(
    scenario: &Scenario,
    candidate: &Candidate,
    arbiter: &dyn Arbiter,
    seeds: Seeds,
) -> anyhow::Result<Vec<RunOutcome>> {
    let threads = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    run_on(threads, scenario, candidate, arbiter, seeds)
}

fn run_on(
    threads: usize,
    scenario: &Scenario,
    candidate: &Candidate,
    arbiter: &dyn Arbiter,
    seeds: Seeds,
) -> anyhow::Result<Vec<RunOutcome>> {
    let all: Vec<u64> = (0..u64::from(seeds.count)).map(|nth| seeds.first.wrapping_add(nth)).collect();
    let part = all.len().div_ceil(threads.max(1)).max(1);
    let run = |seed: &u64| simulate(scenario, candidate, arbiter, *seed);
    let parts = thread::scope(|scope| {
        let running: Vec<_> = all
            .chunks(part)
            .map(|part| scope.spawn(move || part.iter().map(run).collect::<Result<Vec<RunOutcome>, SimulationError>>()))
            .collect();
        running.into_iter().map(thread::ScopedJoinHandle::join).collect::<Vec<_>>()
    });
    let mut runs = Vec::with_capacity(all.len());
    for part in parts {
        runs.extend(part.map_err(|_| anyhow!("a thread of the simulation panicked"))??);
    }
    Ok(runs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Settings;
    use crate::published::Case;
    use crate::simulation::NoArbiter;

    #[test]
    fn the_number_of_threads_changes_nothing() {
        let defaults = crate::supervise::defaults(&Settings::default());
        let candidate = Candidate { name: "step".into(), defaults, submitted: None, aim: None };
        let scenario = Scenario::published(Case::Two);
        let seeds = Seeds { first: 3, count: 7 };
        let on = |threads| run_on(threads, &scenario, &candidate, &NoArbiter, seeds).unwrap();
        let one = on(1);
        assert_eq!(one.len(), 7);
        assert_eq!(one, on(3));
        assert_eq!(one, on(100));
        assert_eq!(one[2], simulate(&scenario, &candidate, &NoArbiter, 5).unwrap());
    }
}
