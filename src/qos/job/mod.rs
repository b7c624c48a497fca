//! One job: its state, and the three functions that production, replay and simulation share.
//!
//! ```text
//! command --decide--> events --apply--> state
//!                        \----react---> effects (what must happen outside)
//! ```

pub mod acting;
mod apply;
mod apply_runs;
mod chain;
pub mod clocks;
pub mod command;
mod decide;
pub mod effect;
pub mod execution;
mod hold;
pub mod judge;
mod outlook;
mod pairs;
mod patience;
mod prediction;
mod progress;
mod recompute;
pub mod registration;
mod round;
pub mod state;
mod weigh;

pub use command::{Command, Rejection, Reply, Ruling};
pub use decide::decide;
pub use effect::{Effect, EffectChange, EffectKey, react};
pub use outlook::Outlooks;
pub use patience::{
    AwaitedReport, awaited_deadline, awaited_report, is_time_to_look, longest_wait_for_start, report_due,
};
pub use prediction::asked_about;
pub use recompute::{RecomputeError, recompute, recompute_answer, recompute_progress, recompute_round};
pub use round::{ROUND_RULES, asks_for_a_round, next_to_begin, round, round_with};
pub use state::{Attempt, Ending, Flag, JobState, Phase, Recorded, Run, Work};
pub use weigh::{Weighed, weigh};

/// Version of the fold from events to state, and of what a decision makes of it; a changed meaning is a new version.
///
/// Since 2 a long-running job that has more than its ceiling in place is cut down to it. Since 3 a raise that no iteration has run with can be
/// undone at once, and no job goes down and up and down within two iterations. Since 4 a prediction is of the CPU that was decided on, also where
/// that is neither the one before nor the one that the policy wishes for.
pub const FOLD_VERSION: u16 = 4;

#[cfg(test)]
mod tests;
