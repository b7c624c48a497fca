//! The simulator: its figures are those of the reference model, and the same bytes come out every time.

mod command;
mod reference;
mod same_bytes;
mod support;
