//! A cluster on one machine: the frameworks' own HTTP interfaces over real, CPU-limited processes or containers.
//!
//! [`LocalCluster::start`] takes [`LocalOptions`] and serves until it is shut down. Inside:
//!
//! | module | what it does |
//! |---|---|
//! | [`chronos`], [`marathon`] | the schedulers as state machines, and their HTTP interfaces |
//! | `mesos` | what the Mesos master and agents tell |
//! | [`openstack`] | Keystone and Monasca, as far as metrics go |
//! | `agents` | the agents of Monasca, which publish the containers' CPU time |
//! | [`nodes`], [`ports`] | how much CPU is reserved where, and which ports |
//! | [`action`], [`task`], [`timers`] | what the schedulers have in common |
//! | `driver` | tells the schedulers what happened, does what they want |
//! | [`executor`] | runs tasks under a hard CPU limit |
//! | [`journal`], [`usage`] | what really ran, and what it cost |
//! | `store` | jobs and apps survive a restart of the cluster |
//! | `cluster`, `servers`, `guard`, `bus` | the whole, its ports, who may call, who listens |
//!
//! A restart keeps jobs, counts and schedules, and apps with their versions. It does not keep forced starts that were
//! still queued, waiting retries and run-time statistics (neither does Chronos), nor deployments: what they led to is
//! launched at the next start. Tasks end with the cluster and count as lost at its next start.
//!
//! Differences from a real cluster: memory and disk are not limited, `uris` and `fetch` are kept but nothing is
//! fetched, `runAsUser` and `user` are kept but tasks run as the user of this process, nodes have no attributes.

pub mod action;
mod agents;
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
mod local_http;
pub mod marathon;
mod mesos;
pub mod nodes;
pub mod openstack;
mod options;
pub mod ports;
mod servers;
mod store;
pub mod task;
pub mod timers;
pub mod usage;

pub use chronos::version::ChronosVersion;
pub use cluster::LocalCluster;
pub use credentials::Credentials;
pub use marathon::version::MarathonVersion;
pub use options::{CpuLimit, DelayRange, LocalOptions, NodeVariable, OptionError};
