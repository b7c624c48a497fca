//! What the supervisor decides and by which rule. Pure: no clock, no network, no database.

pub mod ids;
pub mod units;
