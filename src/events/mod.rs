//! The append-only event log, the only source of state: what is recorded, how it is kept, and how it is proven whole.
//!
//! - [`job`]: the events of one job
//! - [`cluster`]: the decisions over several jobs
//! - [`envelope`]: what every event carries around its payload
//! - [`chain`]: the hash chain over all events
//! - [`store`]: SQLite, the writer thread, the readers
//! - [`source`]: a log in a file, database or exported lines
//! - [`upcast`]: old payloads brought to the newest schema, on read
//!
//! All but [`job`] and [`cluster`] is generic over the payload: a kind, a schema number and JSON text.

pub mod chain;
pub mod cluster;
pub mod envelope;
pub mod job;
pub mod source;
pub mod store;
pub mod upcast;
