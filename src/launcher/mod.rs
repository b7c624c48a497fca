//! From a job file to a registered, rewritten and submitted job.

pub mod chronos_fields;
pub mod chronos_job;
pub mod declaration;
pub mod fields;
pub mod findings;
pub mod job_file;
pub mod rewrite;
pub mod schedule;
pub mod wrapper;
