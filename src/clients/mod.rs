//! Plain asynchronous clients of the outside world: one call, one request, no policy.

pub mod chronos;
pub mod transport;
