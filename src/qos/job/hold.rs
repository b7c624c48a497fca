//! Why a job keeps its CPU although its policy wishes for another, and how that and every other outcome is told.

use super::state::{JobState, Work};
use crate::qos::arbitration::Standing;
use crate::qos::model::Change;
use crate::qos::performance::Performance;
use crate::qos::policy::Wish;
use crate::qos::units::Cpus;

/// Why a job keeps its CPU, whatever its performance.
pub enum Hold {
    /// It has used all that it declared: it needs more than it said, and must not be starved for it.
    OverDeclared,
    /// A restart would lose its work.
    NoCheckpoints,
    /// No node had room for as much a short while ago, and the job stood still meanwhile.
    NoRoom(Cpus),
    /// Its node does not have as much any more.
    TakenBack(Cpus),
    /// Its task cannot have as much, and a new one is not worth its deployment, or would end an iteration.
    NewTask {
        /// What it does not get.
        cpus: Cpus,
        /// What it gets.
        kept: Cpus,
    },
    /// In the middle of an iteration nothing is taken away: how long that still takes is a guess.
    UnderWay,
    /// Its CPU was changed as often as it may be.
    MaxRescales(u32),
    /// It was changed the other way a short while ago.
    Restless,
    /// The cluster has not enough for all wishes.
    Shared {
        /// The most that it gets.
        cap: Cpus,
        /// How it stands.
        standing: Standing,
    },
}

/// The bound on changes, when `wished` would be one too many.
pub fn max_rescales(state: &JobState, from: Cpus, wished: Cpus) -> Option<Hold> {
    let most = state.policy.max_rescales?;
    (wished != from && state.rescales >= most).then_some(Hold::MaxRescales(most))
}

/// CPU is not taken away within so many iterations after it was given, and not given again within so many after that.
const CALM: u32 = 2;

/// Under an arbitration a wish may come and go with those of other jobs. A raise is not undone within two iterations, unless the job gives way or
/// nothing has run with it yet; and whatever its standing, no job goes up and down and up again, or down and up and down, within two.
///
/// Up to version 2 of the fold a raise that nothing has run with was not undone either, and a job could go down and up and down.
pub fn restless(state: &JobState, from: Cpus, to: Cpus, fold: u16) -> Option<Hold> {
    let grant = state.grant.as_ref()?;
    // On a node that is planned a change costs nothing, and makes room for a neighbour.
    if grant.place.is_some() {
        return None;
    }
    let standing = grant.standing;
    let lately = |change: &&Change| state.done.saturating_sub(change.done) < CALM;
    let ran = |change: &&Change| fold < 3 || change.done < state.done || state.work != Work::None;
    let mut newest = state.history.changes.as_slice().iter().rev();
    let raised = |change: &Change| change.to > change.from;
    let (last, before) = (newest.next(), newest.next());
    let undone = to < from && standing != Standing::GivesWay && last.filter(lately).filter(ran).is_some_and(raised);
    let again = |change: &Change| raised(change) == (to > from) && state.done.saturating_sub(change.done) <= CALM;
    let judged = if fold < 3 { to > from } else { to != from };
    let back_and_forth = judged && last.is_some_and(|last| raised(last) != (to > from)) && before.is_some_and(again);
    (undone || back_and_forth).then_some(Hold::Restless)
}

/// What comes of a wish, for people.
pub fn told(wish: &Wish, hold: Option<&Hold>, from: Cpus, to: Cpus, dry_run: bool) -> String {
    let action = match (hold, wish.performance) {
        (Some(Hold::OverDeclared), _) => {
            format!("it has used all the CPU time that it declared, {from} CPU stay")
        }
        (Some(Hold::NoCheckpoints), _) => format!("a restart would lose its work, {from} CPU stay"),
        (Some(Hold::NoRoom(cpus)), _) => format!("no node had room for {cpus} CPU a short while ago, {from} CPU stay"),
        (Some(Hold::TakenBack(to)), _) => format!("its node has no more for it, {from} -> {to} CPU"),
        (Some(Hold::NewTask { cpus, kept }), _) => {
            let action = if kept == &from { format!("{from} CPU stay") } else { format!("{from} -> {kept} CPU") };
            format!("a new task for {cpus} CPU would cost more than it gains, {action}")
        }
        (Some(Hold::UnderWay), _) => format!("less is given after the iteration that is under way, {from} CPU stay"),
        (Some(Hold::MaxRescales(most)), _) => {
            format!("its CPU was changed {most} times, as often as it may, {from} CPU stay")
        }
        (Some(Hold::Restless), _) => format!("it was changed the other way a short while ago, {from} CPU stay"),
        (Some(Hold::Shared { cap, standing }), _) => shared(*standing, *cap, wish.cpus, from, to),
        (None, _) if from != to => format!("{from} -> {to} CPU"),
        (None, _) if wish.cpus != from => format!("{from} CPU is all that its node is known to have for it"),
        (None, performance) => match (&wish.stays, performance) {
            (Some(why), _) => format!("{from} CPU stay, {why}"),
            (None, Performance::OnPlan) => format!("{from} CPU stay"),
            (None, Performance::UnderPerformant) => format!("{from} CPU is the most it may get"),
            (None, Performance::OverPerformant) => format!("{from} CPU is the least it may get"),
        },
    };
    let only = if dry_run && from != to { " would be right; it is only recommended (dry_run)" } else { "" };
    format!("{}: {action}{only}", wish.grounds)
}

fn shared(standing: Standing, cap: Cpus, wished: Cpus, from: Cpus, to: Cpus) -> String {
    let action = if from == to { format!("{from} CPU stay") } else { format!("{from} -> {to} CPU") };
    match standing {
        Standing::GivesWay => {
            format!("it gives way to jobs that can still be on time and gets at most {cap} CPU of {wished}, {action}")
        }
        Standing::Saved | Standing::Unlimited => {
            format!("others need room too and it gets at most {cap} CPU of {wished}, {action}")
        }
    }
}
