//! The supervisor over HTTP, as a black box: a real server, a real log, and a Chronos that does not answer.

mod auth;
mod helpers;
mod jobs;
mod original_defects;
mod register;
mod reports;
mod restart;
