//! How much work the demo's iterations are: measured under the load that the demo's jobs will make.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, ensure};

pub use crate::workload::settings::{Calibration, Settings};

use super::runner::Runner;
use super::scaling::{THREADS_PER_JOB, USABLE_SHARE};
use crate::local::executor::{Exit, TaskSpec};
use crate::qos::units::Cpus;
use crate::workload::calibrate as workload;

/// How long the measurement takes.
const DURATION: Duration = Duration::from_secs(2);
/// The same for one job alone.
const ALONE: Duration = Duration::from_secs(3);

/// Measures a factorisation while `cores` cores carry as many threads as `jobs` jobs have. Takes about two seconds.
///
/// # Errors
/// When a thread cannot be made, or the system has no CPU clock for threads.
pub fn calibrate(cores: usize, jobs: usize) -> anyhow::Result<Calibration> {
    let threads = jobs * THREADS_PER_JOB;
    workload::calibrate(threads, (USABLE_SHARE * cores as f64 / threads as f64).min(1.0), DURATION)
}

/// Measures it for one job that has the machine to itself: as a task of `runner` under the limit of one virtual CPU, which is
/// `cpu_factor` real cores, since the caches of threads that are held back all the time are cold. Files go below `dir`.
///
/// # Errors
/// When the task does not run, or says nothing that makes sense.
pub async fn calibrate_alone(runner: &Runner, cpu_factor: f64, dir: &Path) -> anyhow::Result<Calibration> {
    let (sandbox, file) = (dir.join("calibration"), runner.shared().join("calibration-alone.json"));
    let text = |path: &Path| path.to_str().map(str::to_owned).with_context(|| format!("{path:?} should be UTF-8"));
    let seconds = format!("{}s", ALONE.as_secs());
    let mut argv = vec![text(runner.program())?];
    argv.extend(["workload", "calibrate", "--duration", &seconds, "--threads"].map(str::to_owned));
    argv.extend([THREADS_PER_JOB.to_string(), "--rate".to_owned(), cpu_factor.to_string()]);
    argv.extend(["--output".to_owned(), text(&file)?]);
    let spec = TaskSpec {
        id: "calibration".to_owned(),
        argv,
        env: Vec::new(),
        cpus: Cpus::from_milli(1000),
        node: None,
        memory_mib: 500.0,
        sandbox: sandbox.clone(),
        container: None,
    };
    let exit = runner.executor().launch(spec).await.context("the calibration")?.wait().await;
    let said = std::fs::read_to_string(sandbox.join("stderr")).unwrap_or_default();
    ensure!(exit == Exit::Code(0), "the calibration ended with {exit:?}: {}", said.trim());
    Ok(Settings::read(&file)?.calibration)
}
