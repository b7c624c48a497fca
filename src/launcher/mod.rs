//! From a job file to a registered, rewritten and submitted job.
//!
//! Layout: [`job_file`] reads, [`chronos_job`] checks (its fields in [`chronos_fields`], [`schedule`] and
//! [`declaration`]), [`rewrite`] makes the job that is submitted around the command of [`wrapper`], [`introduce`]
//! registers by way of [`supervisor_api`], [`submit`] hands over to Chronos, [`launch()`] puts them in order. What is
//! different for an app of Marathon is in [`marathon`].

pub mod chronos_fields;
pub mod chronos_job;
pub mod declaration;
pub mod error;
pub mod fields;
pub mod findings;
pub mod introduce;
pub mod job_file;
mod launch;
pub mod marathon;
pub mod rewrite;
pub mod schedule;
pub mod submit;
pub mod supervisor_api;
mod under_agent;
pub mod wrapper;

pub use error::LaunchError;
pub use job_file::JobSource;
pub use launch::{LaunchOptions, Launched, TOKEN_PLACEHOLDER, ask_admission, dry_run, launch};
pub use marathon::{AgentError, AgentSettings, ask_app_admission, dry_run_app, launch_app};
pub use supervisor_api::{SupervisorApi, SupervisorError};
