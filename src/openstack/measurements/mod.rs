//! Which figures follow from a job's events: a function of the log and nothing else, so that what is sent twice is the same twice.
//!
//! - `figures`: the values that one event brings
//! - [`Measured`]: a job from its first event on, and the instants that make its values unique
//! - `valid`: names and values as Monasca takes them

mod figures;
mod measured;
#[cfg(test)]
mod tests;
mod valid;

pub use figures::NAMES;
pub use measured::{Measured, Point};
