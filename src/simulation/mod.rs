//! The published experiments in virtual time: the rules of production on a simulated cluster.
//!
//! Everything that decides is [`crate::qos::job`]: the simulator hands it the same commands that containers, agents and frameworks
//! would send, applies the events that follow, and performs the effects that they call for. It has no rule of its own about jobs.
//! What it adds is the world around them: nodes, queues, gaps, noise ([`model`], [`cluster`]), in a fixed order that the seed alone
//! decides ([`world`]). Pure: no clock, no thread, no chance that is not seeded; the same scenario, candidate and seed give the
//! same bytes everywhere.
//!
//! [`compare`] makes figures of many runs, [`report`] and [`plot`] show them.

pub mod arbiter;
pub mod candidate;
pub mod cluster;
pub mod compare;
pub(crate) mod engine;
pub mod model;
pub mod outcome;
pub mod perturbed;
pub mod plot;
pub mod report;
pub mod statistics;
pub(crate) mod supervised;
pub mod world;

pub use arbiter::{Arbiter, NoArbiter, Sharing};
pub use candidate::Candidate;
pub use model::Scenario;
pub use outcome::{JobOutcome, RunOutcome};
pub use world::{SimulationError, simulate, simulate_recorded};
