//! A cluster on one machine: the frameworks' own HTTP interfaces over real, CPU-limited processes or containers.
//!
//! [`LocalCluster::start`] takes [`LocalOptions`] and serves until it is shut down. Inside:
//!
//! | module | what it does |
//! |---|---|
//! | [`chronos`] | the Chronos scheduler as a state machine, and its HTTP interface |
//! | `mesos` | what the Mesos master and agents tell |
//! | [`nodes`] | how much CPU is reserved where |
//! | `driver` | tells the scheduler what happened, does what it wants |
//! | [`executor`] | runs tasks under a hard CPU limit |
//! | [`journal`], [`usage`] | what really ran, and what it cost |
//! | `store` | jobs survive a restart of the cluster |
//!
//! A restart keeps jobs, counts and schedules. It does not keep forced starts that were still queued, waiting retries
//! and run-time statistics (neither does Chronos); tasks end with the cluster and count as failed at its next start.
//!
//! Differences from a real cluster: memory and disk are not limited, `uris` and `fetch` are kept but nothing is
//! fetched, `runAsUser` is kept but tasks run as the user of this process, nodes have no attributes.

pub mod action;
mod body;
mod bus;
pub mod chronos;
mod cluster;
mod credentials;
mod driver;
pub mod executor;
mod guard;
mod java;
pub mod journal;
pub mod marathon;
mod mesos;
pub mod nodes;
mod options;
pub mod ports;
mod store;
pub mod task;
pub mod timers;
pub mod usage;

pub use chronos::version::ChronosVersion;
pub use cluster::LocalCluster;
pub use credentials::Credentials;
pub use marathon::version::MarathonVersion;
pub use options::{DelayRange, LocalOptions, NodeVariable, OptionError};
