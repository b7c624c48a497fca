//! The least change that would have met a missed deadline.

use serde::Serialize;

use super::MOST_STEPS;
use super::change::Change;
use super::counterfactual::{Subject, Work, rerun};
use super::error::ReplayError;
use super::history::JobHistory;
use super::world::Draw;
use crate::qos::ids::JobId;
use crate::qos::units::Cpus;

/// CPUs are looked for in steps of this.
const STEP: u32 = 10;

/// What would have met a deadline.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SearchResult {
    /// The job.
    pub job: JobId,
    /// Its name.
    pub name: String,
    /// Its deadline, in seconds from where it counts.
    pub deadline_s: f64,
    /// When it was done in fact, if it was.
    pub finish_s: Option<f64>,
    /// Whether it has missed its deadline, or is not done and would miss it under its recorded policy.
    pub missed: bool,
    /// The most CPU that was tried.
    pub most_cpus: f64,
    /// The least CPU that would have met the deadline from the first iteration to the last; none when none up to `most_cpus` would.
    pub least_constant: Option<Constant>,
    /// The latest change to `most_cpus` that would have met it; none when none would.
    pub latest_resize: Option<LatestResize>,
}

/// What was found.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Found {
    /// When the job would have been done, in seconds from where its deadline counts.
    pub finish_s: f64,
    /// CPU-seconds.
    pub cpu_seconds: f64,
    /// Of the laws that the history allows, the share with which it would have been on time.
    pub chance: f64,
}

/// A CPU for all the time.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Constant {
    /// The CPU.
    pub cpus: f64,
    /// What it would have done.
    #[serde(flatten)]
    pub found: Found,
}

/// A change of CPU.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct LatestResize {
    /// After so many iterations, or at the look after so many.
    pub after: u32,
    /// The CPU from then on.
    pub cpus: f64,
    /// What it would have done.
    #[serde(flatten)]
    pub found: Found,
}

/// Of more iterations or looks than this the latest is found by halving.
const MOST_TRIED: u32 = 200;

/// Draws for the chance of what was found.
const DRAWS: u32 = 50;

/// Looks for what would have met `history`'s deadline, with no more than `most` CPU; by default the most that its policy gives.
///
/// The job is taken for itself: it waits for nodes as long as it did. Each step of the search is a replay of its own.
///
/// # Errors
/// As [`super::counterfactual()`].
pub fn search(history: &JobHistory, most: Option<Cpus>) -> Result<SearchResult, ReplayError> {
    let fact = Subject::of(history, &Change::Nothing)?;
    let recorded = fact.recorded();
    let deadline_s = fact.deadline_s();
    let (submitted, units) = match &fact.work {
        Work::Repeated(facts) => (facts.submitted, history.registered().iterations),
        Work::LongRunning(facts) => (facts.submitted, u32::try_from(facts.in_force.len()).unwrap_or(u32::MAX)),
    };
    let most = most.unwrap_or_else(|| history.registered().policy.policy.cpu_max(submitted));
    // Some thirty replays or one for each place, and the draws of two.
    let steps = u64::from(units) * (64 + 2 * u64::from(DRAWS) + u64::from(units.min(MOST_TRIED)));
    if steps > MOST_STEPS * 4 {
        return Err(ReplayError::TooMuch { what: format!("{units} iterations or looks"), most: MOST_STEPS / 32 });
    }
    let missed = match recorded.on_time {
        Some(on_time) => !on_time,
        None => !met(history, &Change::Nothing, Draw::LIKELIEST)?.0,
    };
    let constant = |step: u32| Cpus::from_milli((step * STEP).min(most.milli()));
    let meets = |change: Change| Ok(met(history, &change, Draw::LIKELIEST)?.0);
    let enough = least(1, most.milli().div_ceil(STEP), |step| meets(Change::Cpus(constant(step))))?;
    let least_constant = match enough.map(constant) {
        Some(cpus) => Some(Constant { cpus: cpus.as_f64(), found: found(history, &Change::Cpus(cpus))? }),
        None => None,
    };
    let resize = |after: u32| Change::ResizeAfter { done: after, cpus: most };
    // From the latest to the first. What a restart costs may make an earlier one end later: where they can be counted, each is tried.
    let before_end = |before_end: u32| meets(resize(units - before_end));
    let early = if units <= MOST_TRIED {
        let mut early = None;
        for tried in 0..=units {
            if before_end(tried)? {
                early = Some(tried);
                break;
            }
        }
        early
    } else {
        least(0, units, before_end)?
    };
    let latest_resize = match early.map(|before_end| units - before_end) {
        Some(after) => Some(LatestResize { after, cpus: most.as_f64(), found: found(history, &resize(after))? }),
        None => None,
    };
    Ok(SearchResult {
        job: history.job(),
        name: history.registered().name.clone(),
        deadline_s,
        finish_s: recorded.finish_s,
        missed,
        most_cpus: most.as_f64(),
        least_constant,
        latest_resize,
    })
}

/// The least number from `low` to `high` for which `met` holds, which it does for all above one for which it does.
fn least(
    low: u32,
    high: u32,
    mut met: impl FnMut(u32) -> Result<bool, ReplayError>,
) -> Result<Option<u32>, ReplayError> {
    if low > high || !met(high)? {
        return Ok(None);
    }
    let (mut low, mut high) = (low, high);
    while low < high {
        let middle = low.midpoint(high);
        if met(middle)? {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    Ok(Some(high))
}

/// Whether the deadline is met under `change`, when, and with how many CPU-seconds.
fn met(history: &JobHistory, change: &Change, draw: Draw) -> Result<(bool, f64, f64), ReplayError> {
    let subject = Subject::of(history, change)?;
    let runs = match rerun(std::slice::from_ref(&subject), None, None, draw) {
        // Its deadline was long over.
        Err(ReplayError::TooSlow { .. }) => return Ok((false, f64::INFINITY, f64::INFINITY)),
        runs => runs?,
    };
    let outcome = runs.first().map(|run| run.outcome);
    let on_time = outcome.and_then(|one| one.on_time).unwrap_or(false);
    let finish = outcome.and_then(|one| one.finish_s).unwrap_or(f64::INFINITY);
    Ok((on_time, finish, outcome.map_or(0.0, |one| one.cpu_seconds)))
}

fn found(history: &JobHistory, change: &Change) -> Result<Found, ReplayError> {
    let (_, finish_s, cpu_seconds) = met(history, change, Draw::LIKELIEST)?;
    let mut on_time = 0;
    for number in 1..=DRAWS {
        on_time += u32::from(met(history, change, Draw { number, fresh: false })?.0);
    }
    Ok(Found { finish_s, cpu_seconds, chance: f64::from(on_time) / f64::from(DRAWS) })
}
