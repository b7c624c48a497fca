//! The rules that keep the house standing, checked on the source and the documents themselves.
//!
//! Each rule is a function from text to findings, so that each can be shown to find something.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod command_lines;
mod documents;
mod layers;
mod source;
mod tree;
