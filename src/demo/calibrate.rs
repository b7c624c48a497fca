//! How much work the demo's iterations are: measured under the load that the demo's jobs will make.

use std::time::Duration;

pub use crate::workload::settings::{Calibration, Settings};

use super::scaling::{THREADS_PER_JOB, USABLE_SHARE};
use crate::workload::calibrate as workload;

/// How long the measurement takes.
const DURATION: Duration = Duration::from_secs(2);

/// Measures a factorisation while `cores` cores carry as many threads as `jobs` jobs have. Takes about two seconds.
///
/// # Errors
/// When a thread cannot be made, or the system has no CPU clock for threads.
pub fn calibrate(cores: usize, jobs: usize) -> anyhow::Result<Calibration> {
    let threads = jobs * THREADS_PER_JOB;
    workload::calibrate(threads, (USABLE_SHARE * cores as f64 / threads as f64).min(1.0), DURATION)
}
