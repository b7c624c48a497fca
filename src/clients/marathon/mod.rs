//! The REST interface of Marathon 1.1.1 to 1.11.
//!
//! [`MarathonClient`] makes the calls and hides what differs between the versions, [`MarathonApp`] is an app as it is
//! returned, [`MarathonError`] tells what is known about a call that failed: surely not processed, perhaps processed,
//! held up by a deployment, or refused.

mod answer;
mod client;
mod documents;
mod error;
mod id;
mod version;

pub use client::{Locks, MarathonClient, MarathonClientOptions};
pub use documents::{Accepted, AppEnvironment, Deployment, MarathonApp, MarathonInfo, MarathonTask, TaskFailure};
pub use error::MarathonError;
pub use id::{AppId, AppIdError};
pub use version::MarathonVersion;

pub use crate::credentials::FrameworkCredentials as MarathonCredentials;
