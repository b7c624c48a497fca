//! The past of jobs, computed again: as it was ([`check`]), and as it would have been ([`counterfactual()`]).
//!
//! Pure: events in, answers out. [`Checker`] computes every recorded decision from the events before it and compares bytes;
//! [`counterfactual()`] runs the recorded work again under another policy, or another CPU, through the same `decide`, `apply` and `react` that
//! production uses; [`search()`] looks for the least change that would have met a missed deadline. What a piece of work takes with another CPU
//! than it had is a law that is fitted to the job's own history ([`law`]), and how wrong that may be is part of every answer.
//!
//! The amount of work is bounded: [`MOST_STEPS`].

mod change;
pub mod check;
mod comparison;
mod counterfactual;
mod difference;
mod divergence;
mod error;
mod facts;
mod history;
mod jobs;
pub mod law;
mod notes;
mod outcome;
mod report;
mod rounds;
mod search;
mod story;
mod world;

pub use change::Change;
pub use check::Checker;
pub use comparison::{Comparison, Interval, JobComparison, LEAST_DRAWS, SharedCluster};
pub use counterfactual::{Options, Sharing, counterfactual, what_there_is};
pub use difference::Difference;
pub use divergence::{DecisionView, Divergence};
pub use error::ReplayError;
pub use history::{JobHistory, histories};
pub use jobs::JobsChecker;
pub use law::Law;
pub use outcome::Outcome;
pub use report::{CheckReport, Unreadable};
pub use rounds::{RoundsChecker, Wanted};
pub use search::{Constant, Found, LatestResize, SearchResult, search};
pub use story::{Answer, DecisionStory, JobStory, story};

/// The most iterations, or looks at a long-running job, that one question runs through, over all its draws. Beyond it there are fewer
/// draws, and a log that is too long for one draw is refused.
pub const MOST_STEPS: u64 = 400_000;
