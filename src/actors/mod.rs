//! The running supervisor: thin actors around the pure core. No rule and no SQL lives here.
//!
//! # Layout
//!
//! - [`Supervisor`] is the handle that HTTP and the command line use; [`start`] opens the log, replays it and starts the actors
//! - `job`: one actor per job; a command goes in, `qos::job::decide` answers, the events go to disk, then the answer goes out
//! - `deadline`: the alarm of a job's deadline
//! - `listing`: jobs as operators see them, one or many; `rounds`: how the cluster was shared among them;
//!   `weighing`: what a decision about one has weighed
//! - `sample`: measurements of long-running jobs, on their way to the next look
//! - `registry`: makes and retires the job actors; `directory` finds them
//! - `outbox`: hands the effects that wait on disk to their performers, one at a time per job
//! - `chronos`, `marathon`: perform them against the frameworks, and bring what became of them back as commands; `performer` is
//!   what they have in common
//! - `cluster`: shares the cluster among the jobs, on a thread of its own; `cluster_size` asks the Mesos master how large it is
//! - `replayed`: what the log adds up to at a start; `snapshots`: a cache of it, and the thread that keeps it
//! - `figures`: what was decided, carried out and ended, for `/metrics`; `effect_times`: how long it took
//! - `aside`: a thread for what works for somebody outside
//! - `follow`: reads the log for somebody outside; `metrics` sends what follows from it to Monasca
//! - `webhook`: tells an operator's service what cannot wait
//! - `token`: keeps the one token of Keystone
//! - `cpu`: asks for the CPU time of long-running jobs where their agents do not tell it

mod aside;
mod chronos;
mod cluster;
mod cluster_size;
pub(crate) mod commit;
mod cpu;
mod deadline;
mod directory;
mod effect_times;
mod figures;
mod follow;
mod job;
mod listing;
mod marathon;
mod metrics;
mod outbox;
#[cfg(test)]
mod outbox_tests;
mod performer;
mod registry;
mod replayed;
mod rounds;
mod sample;
mod snapshots;
mod start;
mod submit;
mod supervisor;
#[cfg(test)]
mod tests;
mod token;
pub mod view;
mod webhook;
mod weighing;

pub use chronos::ChronosPatience;
pub use cluster::Cluster;
pub use cluster_size::ClusterSize;
pub use cpu::{ContainerMetric, CpuSource, MesosSource, MonascaSource, PrometheusSource};
pub use figures::Figures;
pub use listing::{Listed, Untold};
pub use marathon::MarathonPatience;
pub use metrics::{MetricsPlan, MetricsStatus};
pub use performer::FrameworkStatus;
pub use rounds::RoundError;
pub use sample::Sample;
pub use start::{ClusterStartup, MetricsStartup, Running, StartError, Startup, start};
pub use submit::{Answer, Receipt, SubmitError};
pub use supervisor::{RegisterError, Supervisor};
pub use token::{KeptTokens, TokenActor};
pub use webhook::{Webhook, WebhookStatus};
