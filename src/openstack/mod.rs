//! Keystone and Monasca: who we are there, what is sent, what is asked.
//!
//! # Layout
//!
//! - [`Keystone`] logs in; a [`TokenSource`] keeps the token that came of it
//! - [`Monasca`] makes the calls: metrics, statistics, alarm definitions, notification methods
//! - [`measurements`] is pure: which figures follow from a job's events
//! - `address` tidies what credentials files hold, `call` is one request and its answer, `message` finds the words in a refusal

mod address;
mod call;
mod keystone;
pub mod measurements;
mod message;
mod monasca;
mod token;

pub use keystone::{Keystone, KeystoneError, Login};
pub use monasca::alarms::{AlarmDefinition, Severity};
pub use monasca::metric::Metric;
pub use monasca::notifications::{NotificationMethod, NotificationType};
pub use monasca::statistics::{Query, Series};
pub use monasca::{Monasca, MonascaError};
pub use token::{Awaited, Token, TokenError, TokenSource, Tokens};
