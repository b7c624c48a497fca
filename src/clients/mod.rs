//! Plain asynchronous clients of the outside world: one call, one request, no policy.
//!
//! [`transport`] bounds every connection, `exchange` is one request and its answer, `masters` tries the masters of a
//! framework in turn; each framework says what its answers mean. [`mesos`] reads what the master and its agents measure,
//! [`prometheus`] what a Prometheus has.

pub mod chronos;
mod error_text;
mod exchange;
pub mod marathon;
mod masters;
pub mod mesos;
pub mod prometheus;
pub mod transport;
