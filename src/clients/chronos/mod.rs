//! The REST interface of Chronos 2.4 to 3.x.
//!
//! [`ChronosClient`] makes the calls, [`ChronosJob`] is a job as raw JSON, [`ChronosError`] tells what is known
//! about a call that failed: surely not processed, perhaps processed, or refused.

mod client;
mod error;
mod job;
mod message;
mod request;
mod summary;

pub use client::{ApiVersion, ChronosClient, ChronosClientOptions};
pub use error::ChronosError;
pub use job::{ChronosJob, drop_nulls};
pub use summary::JobActivity;

pub use crate::credentials::FrameworkCredentials as ChronosCredentials;
