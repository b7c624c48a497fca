//! The supervisor's HTTP side: who may ask, what a request must look like, how errors are told.
//!
//! - [`auth`]: tokens and routes; decides before anything is done, and before a body is read when no token came.
//! - [`extract`]: JSON bodies, bounded in size and time.
//! - [`problem`]: every error as `application/problem+json`.
//! - [`limits`], [`tls`]: what the server itself is held to.
//! - [`page`]: the page for browsers. [`openapi`]: the interface, described. [`metrics_text`]: `/metrics`.
//! - [`feed`]: the event log as it grows, for those who watch.

pub mod auth;
pub mod extract;
pub mod feed;
pub mod limits;
pub mod metrics_text;
pub mod openapi;
pub mod page;
pub mod problem;
pub mod routes;
pub mod server;
pub mod tls;
