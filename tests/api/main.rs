//! The supervisor over HTTP, as a black box: a real server, a real log, and a Chronos that does not answer.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

mod auth;
mod filters;
mod helpers;
mod hosts;
mod interface;
mod jobs;
mod marathon;
mod margins;
mod odd_registrations;
mod original_defects;
mod reasons;
mod register;
mod reports;
mod restart;
mod session;
mod stream;
mod what_if;
