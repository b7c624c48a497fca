//! Makes containerised jobs on Apache Mesos finish by their deadline, with as little CPU as possible.
//!
//! A supervisor takes the reports of repeated batch jobs, predicts when each will be done, and between two iterations gives the
//! job more CPU or takes some away. It can be killed at any moment: what it has acknowledged is on disk, and what it has asked
//! for is judged before it is asked for again.
//!
//! # Layout
//!
//! The way from `POST /updateTask` to a resize, in the order in which a report travels it:
//!
//! 1. [`http::routes`] (`reports.rs`): token, limits, JSON; the report becomes a [`qos::job::Command`] with a receipt by which a
//!    repetition is recognised
//! 2. [`actors::Supervisor::submit`]: finds the job's actor, or answers for a job that is over
//! 3. `actors/job.rs`: one command of a job at a time, from here to step 6
//! 4. [`qos::job::decide()`]: the pure heart. `decide/reports.rs` says whether the run counts; `prediction.rs` predicts the finish
//!    ([`qos::chronos`]) and asks the policy ([`qos::policy`]). The outcome is a list of [`events::job::JobEvent`]s, for a late job
//!    `IterationFinished`, `Decided`, `Rescaled`
//! 5. [`qos::job::react`]: which [`qos::job::Effect`]s follow: "1.4 CPUs", "start iteration 3"; always a target, never a change
//! 6. `actors/commit.rs`, [`events::store`]: events, effects, reply and the job's row in one transaction; then the answer goes out
//! 7. `actors/outbox.rs`: hands the effect to its performer, one at a time per job
//! 8. `actors/chronos/perform/set_cpus.rs`: waits until the job is idle, changes its `cpus` through [`clients::chronos`], reads it
//!    back, and brings the outcome as a command, which goes the same way from step 2
//!
//! Beside that way:
//!
//! - [`launcher`] introduces a job to the supervisor and submits it; its `wrapper.sh` is what sends the reports
//! - [`local`] is a cluster on this machine, for trying out and for tests; [`demo`] and [`workload`] build on it
//! - [`replay`] computes recorded decisions again, as they were and as they would have been under another policy
//! - [`cli`], [`config`], [`credentials`], [`token`], [`logging`], [`shutdown`]: a program that can be run
//! - [`supervise`] puts a supervisor together; [`api`] holds the documents on the wire; [`clock`] is the only place that reads the
//!   time
//!
//! The rules that hold all this up, and which of them are tested, are in `docs/architecture.md`.

pub mod actors;
pub mod api;
pub mod cli;
pub mod clients;
pub mod clock;
pub mod config;
pub mod credentials;
pub mod demo;
pub mod events;
pub mod http;
pub mod launcher;
pub mod local;
pub mod logging;
pub mod openstack;
pub mod published;
pub mod qos;
pub mod replay;
pub mod shutdown;
pub mod simulation;
pub mod supervise;
pub mod token;
pub mod workload;
