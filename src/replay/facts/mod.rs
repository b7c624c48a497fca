//! What a log says about the work of a job, apart from what was decided: the same work is run again under a change.

mod iterations;
mod nodes;
mod samples;

pub(super) use iterations::{IterationFact, RepeatedFacts};
pub(super) use nodes::{seen_nodes, without_waits};
pub(super) use samples::LongRunningFacts;
