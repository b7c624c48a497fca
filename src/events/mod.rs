//! The append-only event log: what is recorded, how it is kept, and how it is proven whole.
//!
//! - [`envelope`]: what every event carries around its payload
//! - [`chain`]: the hash chain over all events
//! - [`store`]: SQLite, the writer thread, the readers
//! - [`upcast`]: old payloads brought to the newest schema, on read
//!
//! All of it is generic over the payload: a kind, a schema number and JSON text.

pub mod chain;
pub mod envelope;
pub mod store;
pub mod upcast;
